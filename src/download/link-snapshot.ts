import { dirname, join } from "node:path";
import type { Files } from "../host/host.ts";
import { commitPattern } from "../hub/listing.ts";
import { linkTarget, type RepoPlaces, snapshotPath } from "./cache-layout.ts";
import { isOtherDisk } from "./move-file.ts";
import { readRef } from "./read-ref.ts";
import type { SurveyedSnapshot } from "./survey.ts";

type Doors = Pick<
  Files,
  "lstat" | "open" | "mkdir" | "symlink" | "rename" | "rm" | "writeFile" | "stat"
>;
type Folders = Pick<RepoPlaces, "root" | "snapshots" | "refs">;

/** Links a snapshot's files to their blobs: all at once where the snapshot is new, else those that are missing. */
export async function linkSnapshot(
  files: Doors,
  snapshot: SurveyedSnapshot,
  { root, snapshots, pid }: Folders & { pid: number },
): Promise<void> {
  const missing = snapshot.files.filter(({ linked }) => !linked);
  if (missing.length === 0) return;
  const passing = passingPath(root, pid, "link");
  const place = snapshotPath({ snapshots }, snapshot.commit);
  await files.mkdir(snapshots, { recursive: true });
  const there = await files.stat(place).catch(() => null);
  if (there === null) {
    const whole = passingPath(root, pid, "snapshot");
    await files.rm(whole, { recursive: true, force: true });
    await linkAll(files, snapshot, whole);
    if (await takesPlace(files, whole, place)) return;
  }
  for (const { path, blobName } of missing) {
    await makeFolders(files, place, dirname(path));
    await files.rm(passing, { force: true });
    await files.symlink(linkTarget(path, blobName), passing);
    await files.rename(passing, join(place, path)).catch(async (error: unknown) => {
      if (!isOtherDisk(error)) throw error;
      await files.rm(passing, { force: true });
      await files.rm(join(place, path), { force: true });
      await files.symlink(linkTarget(path, blobName), join(place, path));
    });
  }
}

/** What is made beside its place first; a killed heros may leave it. */
export function passingPath(root: string, pid: number, kind: "link" | "snapshot" | "ref"): string {
  return join(root, `.heros-${pid}-${kind}`);
}

/** A folder with a link for each file of the snapshot. */
export async function linkAll(
  files: Doors,
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
async function takesPlace(files: Doors, folder: string, place: string): Promise<boolean> {
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
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "ENOTEMPTY" || code === "EEXIST" || isOtherDisk(error);
}

/** The folders of a snapshot are its own: a link in place of one is replaced, and what it leads to left alone. */
async function makeFolders(files: Doors, root: string, folder: string): Promise<void> {
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
  files: Doors,
  snapshot: SurveyedSnapshot,
  { root, refs, pid }: Pick<RepoPlaces, "root" | "refs"> & { pid: number },
): Promise<void> {
  if (await hasRef(files, snapshot, { refs })) return;
  const { revision, commit } = snapshot;
  const place = join(refs, refName(revision));
  const passing = passingPath(root, pid, "ref");
  await files.mkdir(dirname(place), { recursive: true });
  await files.rm(passing, { force: true });
  await files.writeFile(passing, commit, { flag: "wx" });
  await files.rename(passing, place).catch(async (error: unknown) => {
    if (!isOtherDisk(error)) throw error;
    await files.rm(passing, { force: true });
    await files.rm(place, { force: true });
    await files.writeFile(place, commit, { flag: "wx" });
  });
}
