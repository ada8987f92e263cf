import { dirname, join } from "node:path";
import type { Files, Host } from "../host/host.ts";
import { openUnlinked, ownUid } from "../host/own-file.ts";
import { readBootId } from "../host/process-table.ts";
import type { ByteRanges } from "../run/byte-ranges.ts";
import { errorCode, type Failure } from "../run/failure.ts";
import { fileFailure } from "../run/file-failure.ts";
import { failure } from "../run/failures/table.ts";
import type { Hashing } from "./hashing.ts";
import type { PartialPaths } from "./partial.ts";
import { inFolder, type Publication, type Store, type WantedBlob } from "./store.ts";

/** Where a content is on its way, and where once it is verified. */
export interface ContentPlace extends PartialPaths {
  /** Its name from then on. */
  readonly content: string;
  /** The file that is locked meanwhile. */
  readonly lock: string;
}

export interface Contents extends Pick<
  Store,
  | "lock"
  | "unlock"
  | "findLockHolder"
  | "openPartial"
  | "followHash"
  | "digestsOf"
  | "keepPartial"
  | "keepContent"
  | "close"
> {
  /** Of this start of the machine: what partials' journals are held against. */
  bootId(): Promise<string>;
}

export interface ContentsOptions {
  readonly host: Pick<Host, "files" | "fileLocks" | "routes">;
  /** A thread that several downloads share; its owner ends it. Left out, there is one for each. */
  readonly hashing: Hashing | undefined;
  /** @throws where the blob's folders were not prepared */
  readonly placeOf: (blob: WantedBlob) => ContentPlace;
}

/** What happens to a content until it is verified, wherever a store keeps it. Partials and hashing are loaded where something has to be fetched. */
export function openContents({ host, hashing: shared, placeOf }: ContentsOptions): Contents {
  const { files, fileLocks } = host;
  let fetching: ReturnType<typeof loadFetching> | null = null;
  const loaded = (): ReturnType<typeof loadFetching> => (fetching ??= loadFetching(host, shared));
  return {
    bootId: async () => (await loaded()).bootId,
    async lock(blob) {
      const { lock, folder } = placeOf(blob);
      await files.mkdir(dirname(lock), { recursive: true });
      await files.mkdir(folder, { recursive: true });
      return fileLocks.acquire(lock);
    },
    unlock: (blob) => fileLocks.release(placeOf(blob).lock),
    findLockHolder: (blob) => findLockHolder(files, placeOf(blob).lock),
    async openPartial(blob, noteBytes) {
      const { openPartial, bootId } = await loaded();
      return openPartial(files, placeOf(blob), blob, { bootId, noteBytes });
    },
    async followHash(blob, { path }) {
      const gitSha1 = blob.hash.algorithm === "git-sha1";
      return (await loaded()).hashing.start({ path, sizeBytes: blob.sizeBytes, gitSha1 });
    },
    async digestsOf({ hash }, content) {
      const { createDigests } = await loaded();
      const digests = createDigests(content.length, hash.algorithm === "git-sha1");
      digests.update(content);
      return digests.finish();
    },
    async keepPartial(blob, { path: from }) {
      const { content: to, journal } = placeOf(blob);
      const ranges = [{ start: 0, end: blob.sizeBytes }];
      // Only where one of the folders leads to another disk is there anything to stop.
      const { signal } = new AbortController();
      await inFolder(files, dirname(to), () =>
        moveFile(files, { from, to, sizeBytes: blob.sizeBytes, ranges }, signal),
      );
      await files.rm(journal, { force: true });
    },
    async keepContent(blob, bytes) {
      const { content, partial } = placeOf(blob);
      await writeSafely(files, { path: content, temporary: partial, bytes });
    },
    async close() {
      fileLocks.close();
      if (fetching !== null && shared === undefined) await (await fetching).hashing.close();
    },
  };
}

/** What is only needed where something is fetched. */
async function loadFetching(
  { files, routes }: Pick<Host, "files" | "routes">,
  shared: Hashing | undefined,
) {
  const [{ createDigests, createHashing }, { openPartial }] = await Promise.all([
    import("./hashing.ts"),
    import("./partial.ts"),
  ]);
  const bootId = await readBootId(files);
  return { hashing: shared ?? createHashing(routes), createDigests, openPartial, bootId };
}

/** Writes a file under another name, brings it to the disk, and gives it its own. @throws Node's errors */
export async function writeSafely(
  files: Pick<Files, "open" | "mkdir" | "rename" | "rm">,
  {
    path,
    temporary,
    bytes,
  }: { readonly path: string; readonly temporary: string; readonly bytes: Buffer | string },
): Promise<void> {
  await files.rm(temporary, { force: true });
  const handle = await inFolder(files, dirname(temporary), () => files.open(temporary, "wx"));
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await inFolder(files, dirname(path), () => files.rename(temporary, path));
}

/** Acts while no other heros does: two take turns. Where nothing can be locked, it acts anyway. @throws AbortError */
export async function whileLocked<Result>(
  host: Pick<Host, "files" | "fileLocks" | "clock">,
  {
    lock,
    lockRetryMs,
    signal,
  }: { readonly lock: string } & Pick<Publication, "lockRetryMs" | "signal">,
  act: () => Promise<Result>,
): Promise<Result> {
  await host.files.mkdir(dirname(lock), { recursive: true });
  while ((await host.fileLocks.acquire(lock)) === "busy") {
    await host.clock.sleep(lockRetryMs, signal);
  }
  try {
    return await act();
  } finally {
    host.fileLocks.release(lock);
  }
}

/** Who holds a flock on the file: "python3, process 1234"; null where the system does not tell. */
export async function findLockHolder(
  files: Pick<Files, "stat" | "readFile">,
  path: string,
): Promise<string | null> {
  const inode = await files.stat(path).then(
    ({ ino }) => ino,
    () => null,
  );
  if (inode === null) return null;
  const table = await files.readFile("/proc/locks", "utf8").catch(() => "");
  for (const line of table.split("\n")) {
    const match = /FLOCK\s+\w+\s+\w+\s+(?<pid>\d+)\s+\S+:(?<inode>\d+)\s/u.exec(line);
    if (match?.groups?.["inode"] !== String(inode)) continue;
    const pid = match.groups["pid"] ?? "";
    const stat = await files.readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const parts = /\((?<name>.*)\) \S (?<parent>\d+)/su.exec(stat)?.groups;
    if (parts === undefined) return null;
    // heros holds its locks through a child of its own.
    return parts["name"] === "heros-locks"
      ? `heros, process ${parts["parent"]}`
      : `${parts["name"]}, process ${pid}`;
  }
  return null;
}

type LinkDoors = Pick<Files, "lstat" | "stat" | "realpath">;

/**
 * Follows links among the folders of a cache: each once, so that whoever turns one later turns nothing of ours. A link is followed
 * if the user made it, root, or whose cache it is.
 * @param base the cache's own folder, links followed
 * @returns a place with its own link followed. @throws Failure `cache.foreign_link`, `cache.broken_link` (1)
 */
export async function linkFollower(
  files: LinkDoors,
  base: string,
): Promise<(place: string) => Promise<string>> {
  const [uid, { uid: owner }] = await Promise.all([ownUid(files), files.stat(base)]);
  return async (place) => {
    const found = await files.lstat(place).catch(() => null);
    if (found === null || !found.isSymbolicLink()) return place;
    if (![uid, owner, 0].includes(found.uid)) {
      throw failure("cache.foreign_link", { link: place, uid: found.uid });
    }
    try {
      return await files.realpath(place);
    } catch (cause) {
      throw failure("cache.broken_link", { link: place, target: null }, cause);
    }
  };
}

/** Whether every folder on the way from the cache's own to this one is a folder, and no link. */
export async function isUnlinked(
  files: Pick<Files, "realpath">,
  cacheDir: string,
  folder: string,
): Promise<boolean> {
  const base = await files.realpath(cacheDir).catch(() => null);
  const real = await files.realpath(folder).catch(() => null);
  return base !== null && real === join(base, folder.slice(cacheDir.length));
}

const writeAndSearch = 2 | 1;

/**
 * What is in the way of files that are to come: a folder that this user can't write to, or something that lies where a file or a
 * folder should be. Null where nothing is.
 */
export async function obstacleAmong(
  files: Pick<Files, "access" | "lstat" | "stat">,
  {
    cacheDir,
    folders,
    entries,
  }: {
    readonly cacheDir: string;
    /** In which something has to be made, the outer ones first. */
    readonly folders: readonly string[];
    /** Files that are to come. */
    readonly entries: readonly string[];
  },
): Promise<Failure | null> {
  const place = { folder: cacheDir, area: "cache" } as const;
  const closed = new Set<string>();
  for (const folder of new Set(folders)) {
    const nearest = await nearestThere(files, folder);
    if (nearest === null) continue;
    if (!nearest.isFolder) return fileFailure(inTheWay("ENOTDIR", nearest.path), place);
    if (!(await isOpen(files, nearest.path))) closed.add(nearest.path);
  }
  for (const entry of entries) {
    const found = await files.lstat(entry).catch(() => null);
    if (found?.isDirectory() === true) return fileFailure(inTheWay("EISDIR", entry), place);
  }
  return closed.size === 0
    ? null
    : failure("cache.not_writable", { why: "owned", folders: [...closed] });
}

/** The folder, or what there is of the way to it. */
export async function nearestThere(
  files: Pick<Files, "stat">,
  folder: string,
): Promise<{ readonly path: string; readonly isFolder: boolean; readonly disk: number } | null> {
  for (let path = folder; ; path = dirname(path)) {
    const found = await files.stat(path).catch(() => null);
    if (found !== null) return { path, isFolder: found.isDirectory(), disk: found.dev };
    if (path === dirname(path)) return null;
  }
}

function isOpen(files: Pick<Files, "access">, folder: string): Promise<boolean> {
  return files.access(folder, writeAndSearch).then(
    () => true,
    () => false,
  );
}

function inTheWay(code: "ENOTDIR" | "EISDIR", path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, path });
}

/** Of heros, in the cache's root: to a stack a `models--…` folder that is there is a model that is there. */
export const stagingName = ".heros";

/** By the cache directory tagging standard (bford.info/cachedir): backups leave it out. */
const cacheTag = {
  name: "CACHEDIR.TAG",
  text: "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by heros.\n# For information about cache directory tags, see:\n#\thttps://bford.info/cachedir/\n",
};

/** Makes the cache's own folder where there is none. @throws Node's errors */
export async function makeCacheFolder(
  files: Pick<Files, "mkdir" | "writeFile">,
  cacheDir: string,
): Promise<void> {
  await files.mkdir(cacheDir, { recursive: true });
  const tag = join(cacheDir, cacheTag.name);
  await files.writeFile(tag, cacheTag.text, { flag: "wx" }).catch((error: unknown) => {
    if (errorCode(error) !== "EEXIST") throw error;
  });
}

/** What a file takes of its disk: one with holes takes less than it is long. */
export function takenBytes({
  size,
  blocks,
}: {
  readonly size: number;
  readonly blocks: number;
}): number {
  return Math.min(size, blocks * 512);
}

/** What there is in the place of something that is missing. @throws every other error */
export function orIfMissing<Value>(value: Value): (error: unknown) => Value {
  return (error) => {
    if (errorCode(error) === "ENOENT") return value;
    throw error;
  };
}

/** A content on its way to another disk. */
export const copySuffix = ".heros-copy";

type MoveDoors = Pick<Files, "open" | "rename" | "rm">;

const pieceBytes = 1024 * 1024;

export function isOtherDisk(error: unknown): boolean {
  return errorCode(error) === "EXDEV";
}

export interface Move {
  readonly from: string;
  readonly to: string;
  readonly sizeBytes: number;
  /** What of the file matters; the rest is left as a hole. */
  readonly ranges: ByteRanges;
}

/** Gives a file of ours another place. On another disk it is copied and synced first, and appears there by a rename too. @throws Node's errors, AbortError */
export async function moveFile(files: MoveDoors, move: Move, signal: AbortSignal): Promise<void> {
  const { from, to } = move;
  try {
    await files.rename(from, to);
    return;
  } catch (error) {
    if (!isOtherDisk(error)) throw error;
  }
  await copyFile(files, move, signal);
  await files.rm(from, { force: true });
}

/** Copies a file and syncs the copy, which then appears by a rename. @throws Node's errors, AbortError */
export async function copyFile(files: MoveDoors, move: Move, signal: AbortSignal): Promise<void> {
  const { to } = move;
  const temporary = `${to}${copySuffix}`;
  await files.rm(temporary, { force: true });
  try {
    await copy(files, { ...move, to: temporary }, signal);
    await files.rename(temporary, to);
  } catch (error) {
    await files.rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

async function copy(
  files: MoveDoors,
  { from, to, sizeBytes, ranges }: Move,
  signal: AbortSignal,
): Promise<void> {
  const source = await openUnlinked(files, from);
  try {
    const target = await files.open(to, "wx");
    try {
      await target.truncate(sizeBytes);
      const buffer = Buffer.alloc(Math.min(pieceBytes, sizeBytes));
      for (const { start, end } of ranges) {
        for (let at = start; at < end;) {
          signal.throwIfAborted();
          const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, end - at), at);
          if (bytesRead === 0) throw new Error(`${from} is shorter than it was`);
          for (let put = 0; put < bytesRead;) {
            put += (await target.write(buffer, put, bytesRead - put, at + put)).bytesWritten;
          }
          at += bytesRead;
        }
      }
      await target.datasync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
