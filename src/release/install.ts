import path from "node:path";
import type { Host } from "../host/host.ts";
import { errorCode } from "../run/failure.ts";
import type { Emit } from "../run/event.ts";
import { failure } from "../run/failures/table.ts";
import { compareVersions } from "../run/version.ts";
import {
  absentFolders,
  linkedId,
  lockOf,
  makeFolder,
  mayRun,
  mayWrite,
  type Places,
  pointLinks,
  removeUnneeded,
  runningFrom,
  switchTo,
  syncTree,
  versionFolder,
  withLock,
  noteMade,
} from "./installation.ts";
import { readLauncher, requireLauncherPlace, startsFrom, writeLauncher } from "./launcher.ts";
import { linkSharedFiles, refreshLinks } from "./shared-files.ts";
import { platformOf, readVersion, type ReleaseTree, programOf } from "./tree.ts";
import { z } from "zod";
import { parseJson } from "../run/json.ts";

export interface Installing {
  readonly host: Host;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface Installed {
  readonly version: string;
  /** False: this very release was installed already. */
  readonly changed: boolean;
}

export interface InstallOptions {
  /** The tree is said to be the newest: whoever says so of an older one is not believed. */
  readonly latest?: boolean;
  /** Of the folders that the tree was unpacked in, those below this one were made for that. */
  readonly madeBelow?: string | null;
}

export function launcherOf({ bin }: Places): string {
  return path.join(bin, "heros");
}

/**
 * Installs the unpacked release that this program runs from: its tree becomes a folder of `versions`, proves itself there, and
 * only then the link `current` leads to it. Killed at any moment, whatever was current before is current still; after a power cut
 * too, for the tree is on the disk before the link is.
 * @throws Failure `release.broken`, `release.busy` (1), `release.…` (4), `disk.full` (7); AbortError
 */
export async function install(
  installing: Installing,
  tree: ReleaseTree,
  places: Places,
  { latest = false, madeBelow = null }: InstallOptions = {},
): Promise<Installed> {
  const { host, signal } = installing;
  const { data, bin } = places;
  await requireFits(host, tree, places);
  const absent = [
    ...(await absentFolders(host, data)),
    ...(await absentFolders(host, bin)),
    ...madeForTree(madeBelow, tree, data),
  ];
  await makeFolder(host, data);
  try {
    return await withLock(installing, lockOf(data), async () => {
      for (const folder of absent) await noteMade(host, data, { kind: "folder", path: folder });
      await makeFolder(host, bin);
      await host.files.access(bin, mayWrite);
      if (latest) await requireNewer(host, tree, data);
      // This also loads what starts programs: in a moment this one's own files may be elsewhere.
      await proveVersion({ host, signal, ...tree });
      const before = await linkedId(host, data, "current");
      try {
        const known = await findInstalled(installing, tree, data);
        const id = known ?? (await bringIn(installing, tree, data));
        // The switch comes last: what goes wrong, on a full disk above all, does so before it.
        await noteMade(host, data, { kind: "launcher", path: launcherOf(places) });
        await writeLauncher(host, launcherOf(places), data);
        await switchTo(host, data, id);
        await linkSharedFiles(installing, places);
        return { version: tree.version, changed: id !== before };
      } finally {
        await removeUnneeded(host, data);
      }
    });
  } catch (error) {
    if ((await linkedId(host, data, "current")) === null) await leaveNothing(host, places, absent);
    throw error;
  }
}

/** What is called the newest and is older may be somebody's who wants an old fault back. @throws Failure `release.older` (1) */
async function requireNewer(host: Host, { version }: ReleaseTree, data: string): Promise<void> {
  const id = await linkedId(host, data, "current");
  if (id === null) return;
  const current = await readVersion(host, versionFolder(data, id));
  if (compareVersions(version, current) < 0) {
    throw failure("release.older", { current, latest: version });
  }
}

/** Folders above `place` that install.sh made for the tree: a prefix that was not there. */
function madeForTree(top: string | null, { folder }: ReleaseTree, place: string): string[] {
  const above = (inner: string, outer: string): boolean => inner.startsWith(`${outer}/`);
  if (top === null || !above(place, top) || path.basename(path.dirname(folder)) === "versions") {
    return [];
  }
  const made: string[] = [];
  for (let each = path.dirname(place); above(each, top); each = path.dirname(each)) {
    if (above(folder, each)) made.push(each);
  }
  return made;
}

/** What an installation checks before it changes anything. @throws Failure `release.wrong_platform`, `release.foreign_launcher` (4) */
export async function requireFits(host: Host, tree: ReleaseTree, places: Places): Promise<void> {
  const machine = platformOf(host);
  const { platform } = tree;
  if (platform !== machine) throw failure("release.wrong_platform", { platform, machine });
  await requireLauncherPlace(host, launcherOf(places));
}

/** The version that is this very release, runs, and is linked or is the tree itself; null where there is none. */
async function findInstalled(
  { host, signal }: Installing,
  tree: ReleaseTree,
  data: string,
): Promise<string | null> {
  const versions = path.join(data, "versions");
  const real = await host.files.realpath(versions).catch(() => null);
  if (path.dirname(tree.folder) === real) {
    await proveStarts({ host, signal, ...tree });
    return path.basename(tree.folder);
  }
  const describe = (folder: string): Promise<string> =>
    host.files.readFile(path.join(folder, "release.json"), "utf8").catch(() => "");
  const own = await describe(tree.folder);
  for (const name of ["current", "previous"] as const) {
    const id = await linkedId(host, data, name);
    if (id === null) continue;
    const folder = versionFolder(data, id);
    if ((await describe(folder)) !== own) continue;
    try {
      await proveStarts({ host, signal, folder, version: tree.version });
      return id;
    } catch {
      // It is damaged: the fresh one takes its place, under another name.
      signal.throwIfAborted();
    }
  }
  return null;
}

/** Takes the tree into `versions`, where it must prove itself. @returns its name there */
async function bringIn(
  { host, signal }: Installing,
  tree: ReleaseTree,
  data: string,
): Promise<string> {
  const versions = path.join(data, "versions");
  await makeFolder(host, versions);
  const inUse = new Set([
    ...(await runningFrom(host, versions)).keys(),
    await linkedId(host, data, "current"),
    await linkedId(host, data, "previous"),
  ]);
  let id = tree.id;
  for (let count = 2; inUse.has(id); count += 1) id = `${tree.id}.${count}`;
  const folder = versionFolder(data, id);
  await host.files.rm(folder, { recursive: true, force: true });
  await forgetCompiled(host, tree.folder);
  await moveTree(host, tree.folder, folder);
  try {
    await requireRuns(host, folder);
    // The disk takes its 100 MB while it proves itself. Of what Node compiles it keeps a checksum: a power cut costs nothing there.
    const proof = { host, signal, folder, version: tree.version };
    await Promise.all([syncTree(host, folder), proveStarts(proof)]);
    await warmCompileCache({ host, signal, folder });
  } catch (error) {
    await host.files.rm(folder, { recursive: true, force: true });
    throw error;
  }
  return id;
}

/** Where no program may run, access(2) says so, and not what starts it. @throws Failure `release.noexec` (4) */
async function requireRuns({ files }: Host, folder: string): Promise<void> {
  try {
    await files.access(path.join(folder, "runtime/node"), mayRun);
  } catch (cause) {
    throw failure("release.noexec", { folder: path.dirname(folder) }, cause);
  }
}

/** What Node has kept there of this very run, with whatever permissions. */
async function forgetCompiled({ files }: Host, folder: string): Promise<void> {
  const packages = path.join(folder, "app/node_modules");
  try {
    await files.rm(path.join(packages, ".cache"), { recursive: true, force: true });
    await files.rmdir(packages);
  } catch {
    // Packages are in it, or it is only to be read.
  }
}

/** Where it can't be moved, it is copied: another disk, a folder that is only to be read. */
const notMovable = ["EXDEV", "EACCES", "EPERM", "EROFS", "EBUSY"];

async function moveTree({ files, pid }: Host, from: string, to: string): Promise<void> {
  try {
    await files.rename(from, to);
    return;
  } catch (error) {
    if (!notMovable.includes(errorCode(error) ?? "")) throw error;
  }
  const copy = path.join(path.dirname(to), `.copy-${pid}`);
  try {
    await files.rm(copy, { recursive: true, force: true });
    await files.cp(from, copy, { recursive: true, verbatimSymlinks: true });
    await files.rename(copy, to);
  } catch (error) {
    await files.rm(copy, { recursive: true, force: true });
    throw error;
  }
}

/** After a first installation that failed. Only folders that were made, and are empty, go. */
async function leaveNothing(host: Host, places: Places, made: readonly string[]): Promise<void> {
  const { files } = host;
  const { data } = places;
  const launcher = launcherOf(places);
  const found = await readLauncher(host, launcher);
  if (found.kind === "ours" && (await startsFrom(host, found.text, data))) await files.rm(launcher);
  for (const name of ["manifest.json", "lock"]) {
    await files.rm(path.join(data, name), { force: true });
  }
  for (const folder of [path.join(data, "versions"), ...made]) {
    await files.rmdir(folder).catch(() => {});
  }
}

export interface RolledBack {
  readonly from: string;
  readonly to: string;
}

/**
 * Goes back to the version that was current before, once it has proved that it still starts; the other becomes the previous one.
 * @throws Failure `release.no_previous`, `release.broken`, `release.busy` (1); AbortError
 */
export async function rollBack(installing: Installing, data: string): Promise<RolledBack> {
  const { host, signal } = installing;
  return withLock(installing, lockOf(data), async () => {
    const now = await linkedId(host, data, "current");
    const before = await findEarlier(host, data, now);
    if (now === null || before === null) throw failure("release.no_previous", { now });
    const folder = versionFolder(data, before);
    const version = await readVersion(host, folder);
    await proveStarts({ host, signal, folder, version });
    await pointLinks(host, data, [
      { name: "current", id: before },
      { name: "previous", id: now },
    ]);
    await refreshLinks(host, data);
    return { from: await readVersion(host, versionFolder(data, now)), to: version };
  });
}

/** A roll-back that was killed leaves both links on one version: then it is the other that is there. */
async function findEarlier(host: Host, data: string, now: string | null): Promise<string | null> {
  const previous = await linkedId(host, data, "previous");
  if (previous !== null && previous !== now) return previous;
  const names = await host.files.readdir(path.join(data, "versions")).catch(() => []);
  const others = names.filter((name) => name !== now && !name.startsWith("."));
  return others.length === 1 ? (others[0] ?? null) : null;
}

export interface Proof {
  readonly host: Pick<Host, "processes">;
  readonly signal: AbortSignal;
  /** Of the version's tree. */
  readonly folder: string;
  readonly version: string;
}

/** A busy machine starts Node in a second or two. */
const limitMs = 60_000;

const failed = z.looseObject({ type: z.literal("run.failed"), message: z.string() });

/** What it says, as an event or in another way. */
function messageIn(line: string): string {
  return failed.safeParse(parseJson(line)).data?.message ?? line;
}

const started = z.looseObject({ v: z.literal(1), type: z.literal("run.started") });

/** A version answers `--version`, and with its own. @throws Failure `release.broken` (1), AbortError */
export async function proveVersion({ host, signal, folder, version }: Proof): Promise<void> {
  const { command, args } = programOf(folder);
  const all = [...args, "--version"];
  const ran = await host.processes.run({ command, args: all, timeoutMs: limitMs, signal });
  if (ran.exitCode === 0 && ran.stdout.trim() === version) return;
  const why = ran.timedOut
    ? `it did not answer within ${limitMs / 1000} s`
    : ran.exitCode === 0
      ? `it says that it is ${reasonIn(ran.stdout) || "nothing"}`
      : reasonIn(ran.stderr) || reasonIn(ran.stdout) || endOf(ran.exitCode);
  throw failure("release.broken", { version, why });
}

/** The line of an output that says most: of Node's own, that which names the error; else the first. */
export function reasonIn(output: string): string {
  const lines = output.trim().split("\n");
  const named = lines.find((line) => /^(?:\w*Error|\w+Exception)\b.*:/u.test(line));
  return (named ?? lines[0] ?? "").trim().slice(0, 300);
}

function endOf(exitCode: number | null): string {
  return exitCode === null ? "it can't be started" : `it ended with status ${exitCode}`;
}

/** A version proves itself: it answers `--version`, and `doctor --json` starts. @throws Failure `release.broken` (1), AbortError */
export async function proveStarts(proof: Proof): Promise<void> {
  await proveVersion(proof);
  const { host, signal, folder, version } = proof;
  const { command, args } = programOf(folder);
  const enough = new AbortController();
  let why = "";
  let printed = "";
  try {
    const ran = await host.processes.run({
      command,
      args: [...args, "doctor", "--json"],
      timeoutMs: limitMs,
      signal: AbortSignal.any([signal, enough.signal]),
      onLine(line, stream) {
        if (stream === "stdout" && started.safeParse(parseJson(line)).success) enough.abort();
        else if (stream === "stdout") printed ||= messageIn(line);
      },
    });
    const said = reasonIn(ran.stderr) || printed.slice(0, 300);
    why = ran.timedOut
      ? `it did not begin within ${limitMs / 1000} s`
      : said || endOf(ran.exitCode);
  } catch (error) {
    signal.throwIfAborted();
    if (!enough.signal.aborted) throw error;
  }
  if (!enough.signal.aborted) {
    throw failure("release.broken", { version, why: `heros doctor: ${why}` });
  }
}

/** Has Node keep the compiled form of what the usual commands load, so that the first run is quick too. Nothing depends on it. */
export async function warmCompileCache({
  host,
  signal,
  folder,
}: Omit<Proof, "version">): Promise<void> {
  await host.processes.run({
    command: path.join(folder, "runtime/node"),
    args: [path.join(folder, "app/dist/cli/warm-compile-cache.js")],
    env: { NODE_COMPILE_CACHE: path.join(folder, "app/node_modules/.cache/heros") },
    timeoutMs: limitMs,
    signal,
  });
}
