import { join } from "node:path";
import type { Host } from "../host/host.ts";
import { removeOfDead } from "../host/dead-processes.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import {
  blobPath,
  foldersOf,
  placesOf,
  publishLockPath,
  type RepoPlaces,
  snapshotPath,
  stagedPath,
} from "./cache-layout.ts";
import { findBlob } from "./cached.ts";
import { leftoverOf, passingOwner } from "./leftovers.ts";
import { hasRef, isTaken, linkAll, linkSnapshot, writeRef } from "./link-snapshot.ts";
import { moveFile } from "./move-file.ts";
import { openPlaces } from "./open-places.ts";
import { sideBySide } from "./side-by-side.ts";
import type { SurveyedBlob, SurveyedSnapshot } from "./survey.ts";

type Doors = Pick<Host, "files" | "fileLocks" | "clock" | "pid">;

export interface Publication {
  readonly host: Doors;
  readonly cacheDir: string;
  readonly snapshot: SurveyedSnapshot;
  /** The repository's blobs that the snapshot's files are. */
  readonly blobs: readonly SurveyedBlob[];
  /** Between two looks at a lock that another process holds. */
  readonly lockRetryMs: number;
  readonly signal: AbortSignal;
}

/**
 * Makes a model's files visible, now that all its blobs are there. A repository that is new to the cache appears as a whole,
 * by one rename, because to her-os its folder is a model that is there; a new snapshot too, because to Python a snapshot
 * that is there is complete.
 * @throws Failure `cache.changed`, `cache.foreign_link`, `cache.broken_link` (1); Node's errors, AbortError
 */
export async function publishSnapshot(publication: Publication): Promise<void> {
  const { host, cacheDir, snapshot, blobs } = publication;
  const { files, pid } = host;
  const named = placesOf(cacheDir, snapshot.repo);
  const linked = snapshot.files.every((file) => file.linked);
  const isDone = linked && (await hasRef(files, snapshot, named));
  const places = await openPlaces(files, cacheDir, snapshot.repo).catch((error: unknown) => {
    if (isDone && error instanceof Failure) return null;
    throw error;
  });
  if (places === null) return;
  await sweep(files, places, new Set(blobs.map(({ blobName }) => blobName)));
  if (isDone) return;
  await whileLocked(publication, places, async () => {
    await recover(files, places);
    const isNew = (await files.lstat(places.root).catch(() => null)) === null;
    if (isNew && (await appear(publication, places))) return;
    await moveBlobs(publication, places, places.blobs);
    await linkSnapshot(files, snapshot, { ...places, pid });
    await writeRef(files, snapshot, { ...places, pid });
  });
}

/** Two that publish files of one repository take turns. */
async function whileLocked(
  { host, lockRetryMs, signal }: Publication,
  places: RepoPlaces,
  act: () => Promise<void>,
): Promise<void> {
  const lock = publishLockPath(places);
  await host.files.mkdir(places.locks, { recursive: true });
  while ((await host.fileLocks.acquire(lock)) === "busy") {
    await host.clock.sleep(lockRetryMs, signal);
  }
  try {
    await act();
  } finally {
    host.fileLocks.release(lock);
  }
}

/** Builds the repository's folder and puts it in its place; false where there is one by now, or on another disk. */
async function appear(publication: Publication, places: RepoPlaces): Promise<boolean> {
  const { host, snapshot } = publication;
  const { files, pid } = host;
  const folders = foldersOf(places.assembly);
  await linkAll(files, snapshot, snapshotPath(folders, snapshot.commit));
  await writeRef(files, snapshot, { ...folders, pid });
  await moveBlobs(publication, places, folders.blobs);
  try {
    await files.rename(places.assembly, places.root);
    return true;
  } catch (error) {
    await recover(files, places);
    if (!isTaken(error)) throw error;
    return false;
  }
}

/** All to the end, whatever happens to one. @throws Failure `cache.changed` where a blob is gone that was there before */
async function moveBlobs(
  { host, snapshot, blobs, signal }: Publication,
  places: RepoPlaces,
  folder: string,
): Promise<void> {
  const { files } = host;
  const missing = new Set(
    snapshot.files.flatMap(({ linked, blobName }) => (linked ? [] : [blobName])),
  );
  const moving = blobs.filter(({ blobName }) => missing.has(blobName));
  await files.mkdir(folder, { recursive: true });
  // Each move looks at the signal itself, and none goes on unseen.
  const { signal: unheard } = new AbortController();
  const ends = await sideBySide(moving, 16, unheard, async (blob) => {
    const { blobName, sizeBytes } = blob;
    try {
      const from = await findBlob(files, places, blob);
      if (from === null) throw changed(blob);
      if (from === blobPath(places, blobName)) return null;
      const ranges = sizeBytes === 0 ? [] : [{ start: 0, end: sizeBytes }];
      await moveFile(files, { from, to: join(folder, blobName), sizeBytes, ranges }, signal);
      return null;
    } catch (error) {
      return { error };
    }
  });
  for (const end of ends) if (end !== null) throw end.error;
}

function changed({ path, repo }: SurveyedBlob): Failure {
  return new Failure({
    code: "cache.changed",
    message: `${path} of ${repo} was removed from the cache while heros ran.`,
    hint: "Run heros again: it downloads what is missing.",
    exitCode: exitCodes.failed,
  });
}

/** Takes apart what was assembled for a folder that never appeared: by a heros that was killed, or beside another program. */
async function recover(files: Doors["files"], places: RepoPlaces): Promise<void> {
  const { blobs } = foldersOf(places.assembly);
  const names = await files.readdir(blobs).catch(() => []);
  for (const name of names) await files.rename(join(blobs, name), stagedPath(places, name));
  await files.rm(places.assembly, { recursive: true, force: true });
}

/** Removes what kills left beside these blobs, which are whole, and what processes that are no more left of a snapshot. What can't be removed harms nobody. */
async function sweep(
  files: Doors["files"],
  { root, blobs, staging }: RepoPlaces,
  whole: ReadonlySet<string>,
): Promise<void> {
  const remove = (file: string): Promise<void> =>
    files.rm(file, { recursive: true, force: true }).catch(() => {});
  const sweepOf = async (folder: string): Promise<void> => {
    for (const name of await files.readdir(folder).catch(() => [])) {
      if (whole.has(leftoverOf(name) ?? "")) await remove(join(folder, name));
    }
  };
  await Promise.all([sweepOf(staging), sweepOf(blobs), removeOfDead(files, root, passingOwner)]);
}
