import { openPty, type Pty } from "./pty.ts";

export interface SourceEntry {
  /** A TypeScript file that is run as it is. */
  readonly entry: URL;
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** An interactive shell that it is started from, as a job of it. */
  readonly shell?: string;
}

const loader = new URL("./tsx-loader.ts", import.meta.url).href;

/** Runs a TypeScript file of the sources or tests in a pseudo-terminal, without a build, in a clean environment. */
export function openSource({ entry, columns, rows, env = {}, shell }: SourceEntry): Pty {
  const args = ["--import", loader, entry.pathname];
  const [command = "", ...shellArgs] = shell?.split(" ") ?? [];
  const pty = openPty({
    command: shell === undefined ? process.execPath : command,
    args: shell === undefined ? args : shellArgs,
    env: { PATH: process.env["PATH"], LANG: "C.UTF-8", NODE_ENV: "production", ...env },
    ...(columns === undefined ? {} : { columns }),
    ...(rows === undefined ? {} : { rows }),
  });
  if (shell !== undefined) pty.type(`${[process.execPath, ...args].join(" ")}\r`);
  return pty;
}
