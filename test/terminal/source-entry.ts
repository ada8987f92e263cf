import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { openPty, type Pty } from "./pty.ts";

export interface SourceEntry {
  /** A TypeScript file. */
  readonly entry: URL;
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** An interactive shell that it is started from, as a job of it. */
  readonly shell?: string;
}

const folder = mkdtempSync(join(tmpdir(), "heros-entries-"));
afterAll(() => rmSync(folder, { recursive: true }));
const bundled = new Map<string, string>();

/** A few files with all of it: finding and compiling every module takes a second at each start. */
function bundleOf(entry: URL): string {
  const source = fileURLToPath(entry);
  const known = bundled.get(source);
  if (known !== undefined) return known;
  const built = join(folder, basename(source, ".ts"));
  const bundler = fileURLToPath(new URL("./bundle-source.ts", import.meta.url));
  execFileSync(process.execPath, [bundler, source, built]);
  const file = join(built, "entry.mjs");
  bundled.set(source, file);
  return file;
}

/** Runs a TypeScript file of the sources or tests in a pseudo-terminal, without the build of heros, in a clean environment. */
export function openSource({ entry, columns, rows, env = {}, shell }: SourceEntry): Pty {
  const args = [bundleOf(entry)];
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
