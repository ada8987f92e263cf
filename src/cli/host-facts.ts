import os from "node:os";
import path from "node:path";
import type { HostFacts } from "../host/real-host.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { withOtherHomes } from "./other-homes.ts";

/**
 * What this process knows of itself, with the environment that it is to have.
 * @throws Failure `usage.no_home`, `usage.no_folder`, `settings.bad_value` (exit 2)
 */
export function hostFacts(own: NodeJS.Process, env: HostFacts["env"]): HostFacts {
  const { pid, platform, arch } = own;
  return {
    env: withOtherHomes(env),
    home: homeFolder(env["HOME"]),
    cwd: currentFolder(own),
    pid,
    platform,
    nodeArch: arch,
  };
}

/** A HOME that is empty or relative is none: what lies below it would depend on the current folder. */
function homeFolder(given = ""): string {
  if (path.isAbsolute(given)) return given;
  let homedir: string;
  try {
    ({ homedir } = os.userInfo());
  } catch (cause) {
    throw noHome(cause);
  }
  if (!path.isAbsolute(homedir)) throw noHome(null);
  return homedir;
}

function noHome(cause: unknown): Failure {
  return new Failure({
    code: "usage.no_home",
    message: "HOME is not set to a folder's full path, and this user has no home folder.",
    hint: "Set HOME to a folder that you can write to: HOME=/var/lib/heros heros setup",
    exitCode: exitCodes.usage,
    cause,
  });
}

function currentFolder(own: NodeJS.Process): string {
  try {
    return own.cwd();
  } catch (cause) {
    throw new Failure({
      code: "usage.no_folder",
      message: "The current folder no longer exists.",
      hint: "Change to another folder and run heros again: cd ~",
      exitCode: exitCodes.usage,
      cause,
    });
  }
}
