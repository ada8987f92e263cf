import { fileURLToPath } from "node:url";
import { readFile, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import type { HostFacts } from "../host/real-host.ts";
import { failure } from "../run/failures/table.ts";

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
    throw failure("usage.no_home", undefined, cause);
  }
  if (!path.isAbsolute(homedir)) throw failure("usage.no_home");
  return homedir;
}

function currentFolder(own: NodeJS.Process): string {
  try {
    return own.cwd();
  } catch (cause) {
    throw failure("usage.no_folder", undefined, cause);
  }
}

type Env = Readonly<Record<string, string | undefined>>;

/** Those in which Python's client takes `~name` for that user's home folder. */
const folders = [
  "HF_HUB_CACHE",
  "HUGGINGFACE_HUB_CACHE",
  "HF_HOME",
  "HF_TOKEN_PATH",
  "XDG_CACHE_HOME",
];

/**
 * The environment with `~name/…` replaced by that user's home folder, as /etc/passwd has it; `~/…` stays.
 * @throws Failure `settings.bad_value` (exit 2) for a user that is not there
 */
export function withOtherHomes(env: Env, passwd = "/etc/passwd"): Env {
  const changed = folders.flatMap((name) => {
    const { user, rest = "" } =
      /^\s*~(?<user>[^/\s]+)(?<rest>.*)$/su.exec(env[name] ?? "")?.groups ?? {};
    return user === undefined ? [] : [[name, `${homeOf(user, name, passwd)}${rest}`] as const];
  });
  return changed.length === 0 ? env : { ...env, ...Object.fromEntries(changed) };
}

function homeOf(user: string, name: string, passwd: string): string {
  const lines = readFileSync(passwd, "utf8").split("\n");
  const home = lines.map((line) => line.split(":")).find(([own]) => own === user)?.[5];
  if (home !== undefined && home !== "") return home;
  throw failure("settings.bad_value", { name, absentUser: user });
}

/** The folder that holds package.json, of a checkout as of an installation: two above this file either way. */
const root = new URL("../../", import.meta.url);

/** Absolute path of a file or a folder that ships with heros. */
export function shippedPath(name: string): string {
  return fileURLToPath(new URL(name, root));
}

/** The version of package.json. */
export function herosVersion(): string {
  const { version } = JSON.parse(readFileSync(shippedPath("package.json"), "utf8")) as {
    version: string;
  };
  return version;
}

/** A pipe of Node's own is a socket, which can't be opened by a path in /dev. */
export function readInput(): Promise<string> {
  return promisify(readFile)(0, "utf8");
}
