import { basename, join } from "node:path";
import type { Files } from "../../host/host.ts";
import { commitPattern } from "../../run/repos/file-listing.ts";
import { isUnlinked, takenBytes } from "../contents.ts";
import { entriesIn, namesIn } from "../read-folder.ts";
import {
  blobPath,
  leftoverOf,
  lockPath,
  placesOf,
  publishLockPath,
  type RepoPlaces,
  snapshotPath,
} from "./layout.ts";
import { readRef } from "./look-up.ts";
import { findHolder, type PruneFinding, type PrunePlan } from "./prune.ts";

export interface RepoRemoval {
  readonly repo: string;
  readonly commits: ReadonlySet<string>;
}

type Doors = Pick<
  Files,
  "lstat" | "open" | "readdir" | "readFile" | "readlink" | "realpath" | "stat"
>;

/**
 * What goes with these commits of a repository: their snapshots, the names that mean them, and the blobs that no other snapshot
 * links to; with the last one, unfinished files of heros, too. Writes nothing. What is behind a link, or in use, is kept.
 */
export async function planRepoRemoval(
  files: Doors,
  cacheDir: string,
  { repo, commits }: RepoRemoval,
): Promise<PrunePlan> {
  const places = placesOf(cacheDir, repo);
  const kept = (reason: string): PrunePlan => ({
    files: [],
    kept: [{ file: places.root, reason }],
  });
  const snapshots = (await namesIn(files, places.snapshots)).filter((name) =>
    commitPattern.test(name),
  );
  const going = snapshots.filter((commit) => commits.has(commit));
  if (going.length === 0 && snapshots.length > 0) return { files: [], kept: [] };
  for (const folder of [places.root, places.snapshots, places.blobs]) {
    const isThere = (await files.lstat(folder).catch(() => null)) !== null;
    if (isThere && !(await isUnlinked(files, cacheDir, folder))) {
      return kept("it is behind a link, where heros removes nothing");
    }
  }
  const holder = await findHolder(files, places);
  if (holder !== null) return kept(`${holder} is using it`);
  const staying = snapshots.filter((commit) => !commits.has(commit));
  const needed = new Set<string>();
  for (const commit of staying) {
    for (const { blobName } of await filesOf(files, places, commit)) needed.add(blobName ?? "");
  }
  const lock = publishLockPath(places);
  const found: PruneFinding[] = [];
  const add = (file: string, bytes: number, behind = lock): void => {
    found.push({ kind: "model", repo, file, bytes, lock: behind });
  };
  for (const name of await refsIn(files, places.refs)) {
    const commit = (await readRef(files, places.refs, name)).trim();
    if (commits.has(commit)) add(join(places.refs, name), 0);
  }
  const blobs = new Set<string>();
  for (const commit of going) {
    const own = await filesOf(files, places, commit);
    for (const { blobName } of own) if (blobName !== null) blobs.add(blobName);
    add(
      snapshotPath(places, commit),
      own.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    for (const file of [
      join(places.root, ".no_exist", commit),
      join(places.root, "trees", `${commit}.json`),
    ]) {
      if ((await files.lstat(file).catch(() => null)) !== null) add(file, 0);
    }
  }
  for (const blobName of blobs) {
    const file = blobPath(places, blobName);
    const there = await files.lstat(file).catch(() => null);
    if (there === null || there.isDirectory() || needed.has(blobName)) continue;
    add(file, takenBytes(there), lockPath(places, blobName));
  }
  if (staying.length === 0 && (await isUnlinked(files, cacheDir, places.staging))) {
    for (const name of await namesIn(files, places.staging)) {
      const blobName = leftoverOf(name) ?? (/^[0-9a-f]{40,64}$/u.test(name) ? name : null);
      const file = join(places.staging, name);
      const there = blobName === null ? null : await files.lstat(file).catch(() => null);
      if (blobName === null || there === null) continue;
      add(file, takenBytes(there), lockPath(places, blobName));
    }
  }
  return { files: found, kept: [] };
}

/** Files of a snapshot: what is linked takes its space elsewhere. */
async function filesOf(
  files: Doors,
  places: RepoPlaces,
  commit: string,
): Promise<{ blobName: string | null; bytes: number }[]> {
  const folder = snapshotPath(places, commit);
  const entries = await entriesIn(files, folder);
  return Promise.all(
    entries
      .filter((entry) => !entry.isDirectory())
      .map(async (entry) => {
        const file = join(entry.parentPath, entry.name);
        if (entry.isSymbolicLink()) {
          return { blobName: basename(await files.readlink(file)), bytes: 0 };
        }
        return { blobName: null, bytes: (await files.lstat(file)).size };
      }),
  );
}

/** Names of branches and tags that the cache knows; they may have folders. */
export async function refsIn(files: Pick<Files, "readdir">, refs: string): Promise<string[]> {
  const entries = await entriesIn(files, refs);
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(refs.length + 1))
    .toSorted((a, b) => a.localeCompare(b));
}

/** Removes the repository's folders in which nothing is left. */
export async function tidyRepo(
  files: Pick<Files, "readdir" | "rmdir">,
  cacheDir: string,
  repo: string,
): Promise<void> {
  const { root } = placesOf(cacheDir, repo);
  const entries = await files
    .readdir(root, { recursive: true, withFileTypes: true })
    .catch(() => []);
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name))
    .toSorted((a, b) => b.length - a.length);
  for (const folder of [...folders, root]) await files.rmdir(folder).catch(() => {});
}
