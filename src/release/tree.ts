import path from "node:path";
import { z } from "zod";
import { isThere } from "../host/places.ts";
import type { Host } from "../host/host.ts";
import { failure } from "../run/failures/table.ts";
import { parseJson } from "../run/json.ts";
import { compareVersions } from "../run/version.ts";

/** An unpacked release: `app/`, `runtime/node`, `bin/heros`, and `release.json`, which says what it is. */
export interface ReleaseTree {
  /** Absolute, without links. */
  readonly folder: string;
  readonly version: string;
  /** `linux-arm64`, `linux-x64`. */
  readonly platform: string;
  readonly commit: string | null;
  /** Its folder below `versions`: the version, and for a checkout's build a name of its own. */
  readonly id: string;
}

/** Safe as the name of a folder, and never one with a dot in front. */
export const versionPattern = /^[0-9A-Za-z][0-9A-Za-z.+-]*$/u;

const shape = z.looseObject({
  schema: z.literal(1),
  version: z.string().regex(versionPattern),
  platform: z.string().regex(versionPattern),
  commit: z.string().nullish(),
  id: z
    .string()
    .regex(/^[0-9A-Za-z][\w.+-]*$/u)
    .optional(),
});

/**
 * Reads what an unpacked release says of itself.
 * @throws Failure `release.no_tree` (2) where the folder holds none
 */
export async function readTree({ files }: Pick<Host, "files">, folder: string) {
  const text = await files.readFile(path.join(folder, "release.json"), "utf8").catch(() => "");
  const { data } = shape.safeParse(parseJson(text));
  if (data === undefined) throw failure("release.no_tree", { folder });
  const { version, platform, commit = null, id = version } = data;
  return { folder, version, platform, commit, id } satisfies ReleaseTree;
}

/** The version of the program in a tree; "unknown" where it does not say. */
export async function readVersion({ files }: Pick<Host, "files">, folder: string): Promise<string> {
  const text = await files.readFile(path.join(folder, "app/package.json"), "utf8").catch(() => "");
  return (
    z.looseObject({ version: z.string() }).safeParse(parseJson(text)).data?.version ?? "unknown"
  );
}

/** The tree that a program's own `app` folder belongs to; null in a checkout and in a package of npm's. */
export async function treeOfApp(
  { files }: Pick<Host, "files">,
  appDir: string,
): Promise<string | null> {
  const app = await files.realpath(appDir);
  const folder = path.dirname(app);
  if (path.basename(app) !== "app") return null;
  return (await isThere({ files }, path.join(folder, "runtime/node"))) ? folder : null;
}

/** Whether npm installed the program that is in this folder: then npm upgrades and removes it. */
export function isFromNpm(appDir: string): boolean {
  return path.basename(path.dirname(appDir)) === "node_modules";
}

/** What each version changed, as a release carries it. */
export function changelogOf(folder: string): string {
  return path.join(folder, "app/CHANGELOG.md");
}

export interface Changes {
  readonly lines: readonly string[];
  /** How many more there are. */
  readonly omitted: number;
}

const maxLines = 10;
const maxCharacters = 160;

/** What a tree says has changed after one version up to another; nothing where it does not say. */
export async function readChanges(
  { files }: Pick<Host, "files">,
  folder: string,
  versions: { readonly from: string; readonly to: string },
): Promise<Changes> {
  const text = await files.readFile(changelogOf(folder), "utf8").catch(() => "");
  return changesIn(text, versions);
}

/** Of a changelog with a heading `## 1.2.0 (2026-12-24)` for each version, the newest first. */
export function changesIn(
  text: string,
  { from, to }: { readonly from: string; readonly to: string },
): Changes {
  const sections = text.split(/^## /mu).slice(1);
  const all = sections.flatMap((section) => {
    const version = /^\[?v?(\d+\.\d+\.\d+[0-9A-Za-z.+-]*)/u.exec(section)?.[1];
    if (version === undefined) return [];
    if (compareVersions(version, from) <= 0 || compareVersions(version, to) > 0) return [];
    return section.split("\n").filter((line) => line.trim() !== "");
  });
  const lines = all.slice(0, maxLines).map(shortened);
  return { lines, omitted: all.length - lines.length };
}

function shortened(line: string): string {
  if (line.length <= maxCharacters) return line;
  return `${line.slice(0, line.lastIndexOf(" ", maxCharacters))} …`;
}

/** Where a tree's upgrades come from: a tree without the address of releases was built on this machine. */
export async function channelOf(
  { files }: Pick<Host, "files">,
  folder: string,
  version: string,
): Promise<"stable" | "beta" | "checkout"> {
  if (!(await isThere({ files }, path.join(folder, "release-base")))) return "checkout";
  return version.includes("-") ? "beta" : "stable";
}

/** As releases are named: `linux-arm64`. */
export function platformOf({ platform, arch }: Pick<Host, "platform" | "arch">): string {
  const names: Readonly<Record<string, string>> = { aarch64: "arm64", x86_64: "x64" };
  return `${platform}-${names[arch] ?? arch}`;
}

/** Starts the heros of a tree, as the launcher does. */
export function programOf(folder: string): { readonly command: string; readonly args: string[] } {
  return {
    command: path.join(folder, "runtime/node"),
    args: [nodeFlag, path.join(folder, "app/bin/heros.js")],
  };
}

/** The same as in the first line of bin/heros.js. */
export const nodeFlag = "--max-semi-space-size=2";
