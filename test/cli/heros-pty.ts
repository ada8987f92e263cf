import { fileURLToPath } from "node:url";
import { openPty, type Pty } from "../terminal/pty.ts";
import type { Sandbox } from "./sandbox.ts";

const bin = fileURLToPath(new URL("../../bin/heros.js", import.meta.url));

export interface HerosPtyOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly rows?: number;
  /** An interactive shell that it is started from, as a job of it. */
  readonly shell?: boolean;
}

/** The built program in a pseudo-terminal, in a sandbox's world. */
export function openHeros(
  sandbox: Sandbox,
  args: readonly string[],
  { env = {}, shell = false, ...size }: HerosPtyOptions = {},
): Pty {
  const pty = openPty({
    command: shell ? "/bin/bash" : process.execPath,
    args: shell ? ["--norc", "--noprofile", "-i"] : [bin, ...args],
    cwd: sandbox.dir,
    env: {
      HOME: sandbox.home,
      PATH: sandbox.path,
      LANG: "C.UTF-8",
      ...(shell ? { PS1: "shell: " } : {}),
      ...env,
    },
    ...size,
  });
  if (shell) pty.type(`${[process.execPath, bin, ...args].join(" ")}\r`);
  return pty;
}
