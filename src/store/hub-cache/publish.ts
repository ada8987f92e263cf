import { dirname, join } from "node:path";
import { removeOfDead } from "../../host/process-table.ts";
import type { Files, Host } from "../../host/host.ts";
import { sideBySide } from "../../run/concurrency.ts";
import { errorCode, Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { commitPattern } from "../../run/repos/file-listing.ts";
import type { Publication, SurveyedBlob, SurveyedSnapshot } from "../store.ts";
import {
  blobPath,
  foldersOf,
  leftoverOf,
  linkTarget,
  temporaryOwner,
  placesOf,
  publishLockPath,
  type RepoPlaces,
  snapshotPath,
  stagedPath,
} from "./layout.ts";
import { findBlob, readRef } from "./look-up.ts";
import { isOtherDisk, moveFile, whileLocked } from "../contents.ts";
import { openPlaces } from "./prepare.ts";

type Doors = Pick<Host, "files" | "fileLocks" | "clock" | "pid">;

interface SnapshotPublication extends Pick<Publication, "lockRetryMs" | "signal"> {
  readonly host: Doors;
  readonly cacheDir: string;
  readonly snapshot: SurveyedSnapshot;
  /** The repository's blobs that the snapshot's files are. */
  readonly blobs: readonly SurveyedBlob[];
}

/**
 * Makes a model's files visible, now that all its blobs are there. The repository that it is named after is the last: what
 * it needs from others is there then.
 * @throws Failure `cache.changed`, `cache.foreign_link`, `cache.broken_link` (1); Node's errors, AbortError
 */
export async function publishModel(host: Doors, publication: Publication): Promise<void> {
  const { survey, item, lockRetryMs, signal } = publication;
  const { cacheDir } = survey;
  for (const snapshot of item.snapshots.toReversed()) {
    const names = new Set(snapshot.files.map(({ blobName }) => blobName));
    const blobs = survey.blobs.filter(
      ({ repo, blobName }) => repo === snapshot.repo && names.has(blobName),
    );
    await publishSnapshot({ host, cacheDir, snapshot, blobs, lockRetryMs, signal });
  }
}

/**
 * A repository that is new to the cache appears as a whole,
 * by one rename, because to a stack its folder is a model that is there; a new snapshot too, because to Python a snapshot
 * that is there is complete.
 */
async function publishSnapshot(publication: SnapshotPublication): Promise<void> {
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
  const { lockRetryMs, signal } = publication;
  const lock = publishLockPath(places);
  await whileLocked(host, { lock, lockRetryMs, signal }, async () => {
    await recover(files, places);
    const isNew = (await files.lstat(places.root).catch(() => null)) === null;
    if (isNew && (await appear(publication, places))) return;
    await moveBlobs(publication, places, places.blobs);
    await linkSnapshot(files, snapshot, { ...places, pid });
    await writeRef(files, snapshot, { ...places, pid });
  });
}

/** Builds the repository's folder and puts it in its place; false where there is one by now, or on another disk. */
async function appear(publication: SnapshotPublication, places: RepoPlaces): Promise<boolean> {
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
  { host, snapshot, blobs, signal }: SnapshotPublication,
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
      if (from === null) throw failure("cache.changed", { repo: blob.repo, path: blob.path });
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
  await Promise.all([sweepOf(staging), sweepOf(blobs), removeOfDead(files, root, temporaryOwner)]);
}

type LinkDoors = Pick<
  Files,
  "lstat" | "open" | "mkdir" | "symlink" | "rename" | "rm" | "writeFile" | "stat"
>;
type Folders = Pick<RepoPlaces, "root" | "snapshots" | "refs">;

/** Links a snapshot's files to their blobs: all at once where the snapshot is new, else those that are missing. */
export async function linkSnapshot(
  files: LinkDoors,
  snapshot: SurveyedSnapshot,
  { root, snapshots, pid }: Folders & { pid: number },
): Promise<void> {
  const missing = snapshot.files.filter(({ linked }) => !linked);
  if (missing.length === 0) return;
  const temporary = temporaryPath(root, pid, "link");
  const place = snapshotPath({ snapshots }, snapshot.commit);
  await files.mkdir(snapshots, { recursive: true });
  const there = await files.stat(place).catch(() => null);
  if (there === null) {
    const whole = temporaryPath(root, pid, "snapshot");
    await files.rm(whole, { recursive: true, force: true });
    await linkAll(files, snapshot, whole);
    if (await takesPlace(files, whole, place)) return;
  }
  for (const { path, blobName } of missing) {
    await makeFolders(files, place, dirname(path));
    await files.rm(temporary, { force: true });
    await files.symlink(linkTarget(path, blobName), temporary);
    await files.rename(temporary, join(place, path)).catch(async (error: unknown) => {
      if (!isOtherDisk(error)) throw error;
      await files.rm(temporary, { force: true });
      await files.rm(join(place, path), { force: true });
      await files.symlink(linkTarget(path, blobName), join(place, path));
    });
  }
}

/** What is made beside its place first; a killed heros may leave it. */
export function temporaryPath(
  root: string,
  pid: number,
  kind: "link" | "snapshot" | "ref",
): string {
  return join(root, `.heros-${pid}-${kind}`);
}

/** A folder with a link for each file of the snapshot. */
export async function linkAll(
  files: LinkDoors,
  snapshot: Pick<SurveyedSnapshot, "files">,
  folder: string,
): Promise<void> {
  const folders = new Set(snapshot.files.map(({ path }) => dirname(path)));
  for (const each of folders) await files.mkdir(join(folder, each), { recursive: true });
  for (const { path, blobName } of snapshot.files) {
    await files.symlink(linkTarget(path, blobName), join(folder, path));
  }
}

/** By one rename; false, and without the new one, where there is another by now or its disk is another. */
async function takesPlace(files: LinkDoors, folder: string, place: string): Promise<boolean> {
  try {
    await files.rename(folder, place);
    return true;
  } catch (error) {
    await files.rm(folder, { recursive: true, force: true });
    if (!isTaken(error)) throw error;
    return false;
  }
}

/** Whether a rename failed because there is a folder of this name, or its disk is another. */
export function isTaken(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOTEMPTY" || code === "EEXIST" || isOtherDisk(error);
}

/** The folders of a snapshot are its own: a link in place of one is replaced, and what it leads to left alone. */
async function makeFolders(files: LinkDoors, root: string, folder: string): Promise<void> {
  let place = root;
  for (const part of folder.split("/").filter((name) => name !== ".")) {
    place = join(place, part);
    const found = await files.lstat(place).catch(() => null);
    if (found?.isSymbolicLink() === true) await files.rm(place);
  }
  await files.mkdir(place, { recursive: true });
}

/** Whether programs find the snapshot: a commit is found by any `refs/main`, as by those that name no revision. */
export async function hasRef(
  files: Pick<Files, "open">,
  { revision, commit }: SurveyedSnapshot,
  { refs }: Pick<RepoPlaces, "refs">,
): Promise<boolean> {
  const found = await readRef(files, refs, refName(revision));
  const isOther = commitPattern.test(revision) && found !== "";
  return found === commit || isOther;
}

function refName(revision: string): string {
  return commitPattern.test(revision) ? "main" : revision;
}

/** Without a line break: with one, Python's offline loading fails. A commit gets `refs/main` where there is none. */
export async function writeRef(
  files: LinkDoors,
  snapshot: SurveyedSnapshot,
  { root, refs, pid }: Pick<RepoPlaces, "root" | "refs"> & { pid: number },
): Promise<void> {
  if (await hasRef(files, snapshot, { refs })) return;
  const { revision, commit } = snapshot;
  const place = join(refs, refName(revision));
  const temporary = temporaryPath(root, pid, "ref");
  await files.mkdir(dirname(place), { recursive: true });
  await files.rm(temporary, { force: true });
  await files.writeFile(temporary, commit, { flag: "wx" });
  await files.rename(temporary, place).catch(async (error: unknown) => {
    if (!isOtherDisk(error)) throw error;
    await files.rm(temporary, { force: true });
    await files.rm(place, { force: true });
    await files.writeFile(place, commit, { flag: "wx" });
  });
}
