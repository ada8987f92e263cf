import path from "node:path";
import { writeAtomically } from "../host/text-files.ts";
import type { Host } from "../host/host.ts";
import { errorCode } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { readManifest } from "./installation.ts";
import { inQuotes } from "../run/shell-quote.ts";
import { nodeFlag } from "./tree.ts";

/** By this line install.sh and heros know a launcher of theirs, of an earlier version too. */
const mark = "# Starts heros. Written by install.sh";

/** The program in the user's PATH: it starts whatever version is current. */
export function launcherText(data: string): string {
  const inData = (name: string): string => inQuotes(path.join(data, name));
  return `#!/bin/sh
${mark}; "heros uninstall" removes it.
exec ${inData("current/runtime/node")} ${nodeFlag} ${inData("current/app/bin/heros.js")} "$@"
`;
}

/** What stands at the launcher's place. `text` is that of a launcher. */
export type Launcher =
  | { readonly kind: "none" | "foreign" }
  | { readonly kind: "ours"; readonly text: string };

export async function readLauncher(
  { files }: Pick<Host, "files">,
  file: string,
): Promise<Launcher> {
  try {
    const stats = await files.lstat(file);
    if (!stats.isFile() || stats.size > 64 * 1024) return { kind: "foreign" };
    const text = await files.readFile(file, "utf8");
    return text.split("\n")[1]?.startsWith(mark) === true
      ? { kind: "ours", text }
      : { kind: "foreign" };
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { kind: "none" };
    if (code === "EACCES") return { kind: "foreign" };
    throw error;
  }
}

/** Whether a launcher's text starts what is current in this data folder, by whatever links its path leads there. */
export async function startsFrom(
  { files }: Pick<Host, "files">,
  text: string,
  data: string,
): Promise<boolean> {
  const quotedPath = /^exec '((?:[^']|'\\'')*)\/current\/runtime\/node' /mu.exec(text)?.[1];
  const folder = quotedPath?.replaceAll(String.raw`'\''`, "'");
  if (folder === undefined || folder === data) return folder === data;
  const real = (place: string): Promise<string | null> => files.realpath(place).catch(() => null);
  const [named, own] = await Promise.all([real(folder), real(data)]);
  return named !== null && named === own;
}

/** The launcher of an installation: as its manifest names it, else where install.sh puts it. */
export async function findLauncher(
  host: Pick<Host, "files" | "home">,
  data: string,
): Promise<string> {
  const made = await readManifest(host, data);
  const named = made.find(({ kind }) => kind === "launcher")?.path;
  if (named !== undefined) return named;
  const inPrefix = path.resolve(data, "../../bin/heros");
  const found = await readLauncher(host, inPrefix);
  return found.kind === "ours" && (await startsFrom(host, found.text, data))
    ? inPrefix
    : path.join(host.home, ".local/bin/heros");
}

/** A file that is not ours is never written over. @throws Failure `release.foreign_launcher` (4) */
export async function requireLauncherPlace(host: Pick<Host, "files">, file: string): Promise<void> {
  const { kind } = await readLauncher(host, file);
  if (kind === "foreign") throw failure("release.foreign_launcher", { file });
}

/** Writes the launcher where it is not there as it should be. */
export async function writeLauncher(
  host: Pick<Host, "files" | "pid" | "random">,
  file: string,
  data: string,
): Promise<void> {
  const content = launcherText(data);
  const there = await readLauncher(host, file);
  if (there.kind === "ours" && there.text === content) return;
  await writeAtomically({ host, path: file, content, mode: 0o755 });
}
