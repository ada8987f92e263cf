import { openPty, type Pty } from "./pty.ts";

export interface SourceEntry {
  /** A TypeScript file that is run as it is. */
  readonly entry: URL;
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const loader = new URL("./tsx-loader.ts", import.meta.url).href;

/** Runs a TypeScript file of the sources or tests in a pseudo-terminal, without a build, in a clean environment. */
export function openSource({ entry, columns, rows, env = {} }: SourceEntry): Pty {
  return openPty({
    command: process.execPath,
    args: ["--import", loader, entry.pathname],
    env: { PATH: process.env["PATH"], LANG: "C.UTF-8", NODE_ENV: "production", ...env },
    ...(columns === undefined ? {} : { columns }),
    ...(rows === undefined ? {} : { rows }),
  });
}
