import path from "node:path";
import { folderOfVariable, isThere } from "../host/places.ts";
import type { Host } from "../host/host.ts";
import { removeOfDead } from "../host/process-table.ts";
import { errorCode } from "../run/failure.ts";
import type { Emit } from "../run/event.ts";
import { failure } from "../run/failures/table.ts";
import { findLockHolder } from "../store/contents.ts";
import { z } from "zod";
import { writeAtomically } from "../host/text-files.ts";
import { parseJson } from "../run/json.ts";

/** What access(2) is asked. */
export const [mayWrite, mayRun] = [2, 1];

/** Where heros is installed. */
export interface Places {
  /** Holds `versions`, the links `current` and `previous`, `manifest.json` and the lock. */
  readonly data: string;
  /** Holds the launcher. */
  readonly bin: string;
}

/** Where an installation goes: below the prefix, else where the XDG Base Directory Specification says. */
export function placesFor(host: Pick<Host, "env" | "home" | "cwd">, prefix: string | null): Places {
  if (prefix !== null) {
    const folder = path.resolve(host.cwd, prefix);
    return { data: path.join(folder, "share/heros"), bin: path.join(folder, "bin") };
  }
  const data = folderOfVariable(host, "XDG_DATA_HOME", ".local/share");
  return { data: path.join(data, "heros"), bin: path.join(host.home, ".local/bin") };
}

/** The data folder that a tree is installed in; null for one that only lies somewhere. */
export async function dataOfTree(
  { files }: Pick<Host, "files">,
  tree: string,
): Promise<string | null> {
  const versions = path.dirname(tree);
  if (path.basename(versions) !== "versions") return null;
  const data = path.dirname(versions);
  const [current, previous] = await Promise.all([
    linkedId({ files }, data, "current"),
    linkedId({ files }, data, "previous"),
  ]);
  return [current, previous].includes(path.basename(tree)) ? data : null;
}

/** Held while links and versions change. */
export function lockOf(data: string): string {
  return path.join(data, "lock");
}

export function versionFolder(data: string, id: string): string {
  return path.join(data, "versions", id);
}

type LinkName = "current" | "previous";

/** The version that a link leads to; null where there is no such link. */
export async function linkedId(
  { files }: Pick<Host, "files">,
  data: string,
  name: LinkName,
): Promise<string | null> {
  const target = await files.readlink(path.join(data, name)).catch(() => null);
  return target === null ? null : path.basename(target);
}

/**
 * Makes each link lead to a version, in this order. Whoever looks sees an old link or a new one, after a kill -9 or a power cut
 * too. All are made before the first is renamed, which needs no room: a full disk changes none of them.
 */
export async function pointLinks(
  host: Pick<Host, "files" | "pid">,
  data: string,
  links: readonly { readonly name: LinkName; readonly id: string }[],
): Promise<void> {
  const freshOf = (name: LinkName): string => path.join(data, `${name}.new-${host.pid}`);
  try {
    for (const { name, id } of links) {
      await host.files.rm(freshOf(name), { force: true });
      await host.files.symlink(`versions/${id}`, freshOf(name));
    }
  } catch (error) {
    for (const { name } of links) await host.files.rm(freshOf(name), { force: true });
    throw error;
  }
  for (const { name } of links) {
    await host.files.rename(freshOf(name), path.join(data, name));
    await syncToDisk(host, data);
  }
}

/** Has the disk keep a folder with all that is in it, as it is now. Links need none of it: they are part of their folder. */
export async function syncTree(host: Pick<Host, "files">, folder: string): Promise<void> {
  const entries = await host.files.readdir(folder, { recursive: true, withFileTypes: true });
  const inside = entries.filter((entry) => entry.isFile() || entry.isDirectory());
  const paths = inside.map(({ parentPath, name }) => path.join(parentPath, name));
  await Promise.all([...paths, folder, path.dirname(folder)].map((each) => syncToDisk(host, each)));
}

/** Node's compiled files come and go while they are listed; some network file systems can't sync a folder. */
const unsyncable = ["ENOENT", "EINVAL"];

async function syncToDisk({ files }: Pick<Host, "files">, place: string): Promise<void> {
  try {
    const handle = await files.open(place, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!unsyncable.includes(errorCode(error) ?? "")) throw error;
  }
}

/**
 * Makes a version the current one, and the one before the previous one. That comes first: killed between the two, the same
 * done again ends well.
 */
export async function switchTo(
  host: Pick<Host, "files" | "pid">,
  data: string,
  id: string,
): Promise<void> {
  const before = await linkedId(host, data, "current");
  if (before === id) return;
  const previous = before === null ? [] : [{ name: "previous", id: before } as const];
  await pointLinks(host, data, [...previous, { name: "current", id }]);
}

/** Removes what no link leads to: older versions, unless a program still runs from them, and what a killed installation left. */
export async function removeUnneeded(host: Pick<Host, "files">, data: string): Promise<void> {
  const { files } = host;
  const kept = new Set([
    await linkedId(host, data, "current"),
    await linkedId(host, data, "previous"),
  ]);
  await removeFreshLinks(host, data);
  const versions = path.join(data, "versions");
  const found = await files.readdir(versions).catch(() => []);
  const others = found.filter((name) => !kept.has(name));
  if (others.length === 0) return;
  const running = await runningFrom(host, versions);
  for (const name of others.filter((each) => !running.has(each))) {
    await removeVersion({ files }, versions, name);
  }
}

/** What holds no release and was not begun by heros is the user's, and stays. Killed half-way, the next one ends it: the dot says so. */
export async function removeVersion(
  { files }: Pick<Host, "files">,
  versions: string,
  name: string,
): Promise<void> {
  let folder = path.join(versions, name);
  if (!/^\.(?:copy|removed)-/u.test(name)) {
    if (!(await isThere({ files }, path.join(folder, "app/package.json")))) return;
    const going = path.join(versions, `.removed-${name}`);
    await files.rm(going, { recursive: true, force: true });
    await files.rename(folder, going);
    folder = going;
  }
  await files.rm(folder, { recursive: true, force: true });
}

/** Links that whoever began to change one left when it was killed. */
export async function removeFreshLinks({ files }: Pick<Host, "files">, data: string) {
  const ownerOf = (name: string): string | null =>
    /^(?:current|previous)\.new-(\d+)$/u.exec(name)?.[1] ?? null;
  await removeOfDead(files, data, ownerOf);
}

/**
 * The versions whose Node is some process's program, each with those processes: a download in the background may outlive an
 * upgrade or two.
 */
export async function runningFrom(
  { files }: Pick<Host, "files">,
  versions: string,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const real = await files.realpath(versions);
  const names = await files.readdir("/proc").catch(() => []);
  const pids = names.filter((name) => /^\d+$/u.test(name)).map(Number);
  const running = await Promise.all(
    pids.map(async (pid) => {
      const program = await files.readlink(`/proc/${pid}/exe`).catch(() => "");
      const id = program.startsWith(`${real}/`) ? program.slice(real.length + 1).split("/")[0] : "";
      return { pid, id: id ?? "" };
    }),
  );
  const ofVersions = Map.groupBy(
    running.filter(({ id }) => id !== ""),
    ({ id }) => id,
  );
  return new Map([...ofVersions].map(([id, each]) => [id, each.map(({ pid }) => pid)]));
}

export interface Locking {
  readonly host: Pick<Host, "files" | "fileLocks" | "clock">;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

const lookAgainMs = 200;
/** An installation takes seconds; one that takes longer has a problem that a person should look at. */
const patienceMs = 60_000;

/**
 * Does this while no other installation of the user holds this lock. Without locks on this machine it is done anyway.
 * @throws Failure `release.busy` (1) where another one holds the lock for a minute; AbortError
 */
export async function withLock<Result>(
  { host, emit, signal }: Locking,
  lock: string,
  task: () => Promise<Result>,
): Promise<Result> {
  const startedMs = host.clock.monotonicMs();
  let told = false;
  await makeLock(host, lock);
  for (;;) {
    const answer = await host.fileLocks.acquire(lock);
    if (answer !== "busy") break;
    const holder = (await findLockHolder(host.files, lock)) ?? "another program";
    if (host.clock.monotonicMs() - startedMs > patienceMs)
      throw failure("release.busy", { holder });
    if (!told) {
      const message = `Waiting for another installation (${holder}) to finish.`;
      emit({ type: "notice", level: "info", code: "release.waiting", message });
    }
    told = true;
    await host.clock.sleep(lookAgainMs, signal);
  }
  try {
    return await task();
  } catch (error) {
    throw refusalOf(error, path.dirname(lock));
  } finally {
    host.fileLocks.release(lock);
  }
}

/** Locks in a cache that users share are for all of them; this one is not. Where it can't be made, there is none. */
async function makeLock({ files }: Pick<Host, "files">, lock: string): Promise<void> {
  const handle = await files.open(lock, "a", 0o644).catch(() => null);
  await handle?.close();
}

/** A refusal of the file system as the failure that says so; others are passed through. */
function refusalOf(error: unknown, folder: string): unknown {
  const errno = errorCode(error) ?? "";
  if (!["EACCES", "EPERM", "EROFS", "ENOTDIR"].includes(errno)) return error;
  const at = error instanceof Error && "path" in error ? String(error.path) : folder;
  return failure("release.not_writable", { folder: at, errno }, error);
}

/** The folder itself and those above it, as far as they are not there; the deepest first. */
export async function absentFolders(
  { files }: Pick<Host, "files">,
  folder: string,
): Promise<string[]> {
  const absent: string[] = [];
  for (let place = folder; place !== path.dirname(place); place = path.dirname(place)) {
    const code = await files.lstat(place).then(
      () => null,
      (error: unknown) => errorCode(error),
    );
    if (code !== "ENOENT") break;
    absent.push(place);
  }
  return absent;
}

/** Makes a folder, and notes those that it took. @throws Failure `release.not_writable` (4) */
export async function makeNoted(
  host: Pick<Host, "files" | "pid" | "random">,
  data: string,
  folder: string,
): Promise<void> {
  for (const absent of await absentFolders(host, folder)) {
    await noteMade(host, data, { kind: "folder", path: absent });
  }
  await makeFolder(host, folder);
}

/** Makes a folder with those above it, one by one: in /proc, Node's own `recursive` never ends. @throws Failure `release.not_writable` (4) */
export async function makeFolder(host: Pick<Host, "files">, folder: string): Promise<void> {
  for (const place of (await absentFolders(host, folder)).toReversed()) {
    try {
      await host.files.mkdir(place, { mode: 0o755 });
    } catch (cause) {
      const errno = errorCode(cause) ?? "";
      if (errno === "EEXIST") continue;
      if (["ENOSPC", "EDQUOT"].includes(errno)) throw cause;
      throw failure("release.not_writable", { folder, errno }, cause);
    }
  }
  // A file may be in its place, or in that of one above.
  await host.files.access(`${folder}/.`).catch((cause: unknown) => {
    throw failure("release.not_writable", { folder, errno: errorCode(cause) ?? "" }, cause);
  });
}

const made = z.discriminatedUnion("kind", [
  /** Removed where it still is a launcher of ours. */
  z.object({ kind: z.literal("launcher"), path: z.string() }),
  /** Removed where it still leads into this installation. */
  z.object({ kind: z.literal("link"), path: z.string(), target: z.string() }),
  /** A line in a shell's file; with `whole`, the file was made for it. */
  z.object({
    kind: z.literal("line"),
    path: z.string(),
    line: z.string(),
    whole: z.boolean(),
  }),
  /** Removed once it is empty. */
  z.object({ kind: z.literal("folder"), path: z.string() }),
]);

/** Something that heros made outside of its data folder, which uninstalling undoes. */
export type Made = z.infer<typeof made>;

const shape = z.object({ schema: z.literal(1), made: z.array(z.unknown()) });

function fileOf(data: string): string {
  return path.join(data, "manifest.json");
}

/** All that was made, in order. What a later heros notes and this one doesn't know is left out. */
export async function readManifest(
  { files }: Pick<Host, "files">,
  data: string,
): Promise<readonly Made[]> {
  return (await readEntries({ files }, data)).flatMap((entry) => made.safeParse(entry).data ?? []);
}

async function readEntries({ files }: Pick<Host, "files">, data: string): Promise<unknown[]> {
  const text = await files.readFile(fileOf(data), "utf8").catch(() => "");
  return shape.safeParse(parseJson(text)).data?.made ?? [];
}

/** Notes it before it is made: killed between the two, uninstalling finds nothing there, and that is no harm. */
export async function noteMade(
  host: Pick<Host, "files" | "pid" | "random">,
  data: string,
  entry: Made,
): Promise<void> {
  const entries = await readEntries(host, data);
  const isSame = (other: unknown): boolean => JSON.stringify(other) === JSON.stringify(entry);
  if (entries.some(isSame)) return;
  const content = `${JSON.stringify({ schema: 1, made: [...entries, entry] }, null, 2)}\n`;
  await writeAtomically({ host, path: fileOf(data), content, mode: 0o644 });
}
