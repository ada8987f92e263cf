import type { Files, Host } from "../../host/host.ts";
import { lookAtPlace } from "../../host/places.ts";
import {
  blobPath,
  foldersOf,
  journalPath,
  partialPath,
  placesOf,
  type RepoPlaces,
} from "./layout.ts";
import { errorCode, Failure } from "../../run/failure.ts";
import { dirname, join } from "node:path";
import { failure } from "../../run/failures/table.ts";
import {
  freeSpace,
  type NeededSpace,
  type Survey,
  type SurveyedItem,
  type SurveyedSnapshot,
} from "../store.ts";
import {
  linkFollower,
  makeCacheFolder,
  nearestThere,
  obstacleAmong,
  stagingName,
} from "../contents.ts";
import { findBlob } from "./look-up.ts";

/**
 * Makes the folders that a download of these blobs needs until a model is whole.
 * @returns the places of each repository
 * @throws Failure `cache.foreign_link`, `cache.broken_link` (1); Node's errors
 */
export async function openCache(
  files: Files,
  cacheDir: string,
  blobs: readonly { readonly repo: string }[],
): Promise<ReadonlyMap<string, RepoPlaces>> {
  const places = new Map<string, RepoPlaces>();
  if (blobs.length === 0) return places;
  await makeCacheFolder(files, cacheDir);
  for (const repo of new Set(blobs.map((blob) => blob.repo))) {
    const { staging, locks } = await openPlaces(files, cacheDir, repo);
    await files.mkdir(staging, { recursive: true });
    await files.mkdir(locks, { recursive: true });
    // Judged again now that the folders are there, and a link could be in the place of one.
    places.set(repo, await openPlaces(files, cacheDir, repo));
  }
  return places;
}

type Doors = Pick<Files, "lstat" | "stat" | "realpath">;

/**
 * The places of a repository to write to, with links among its folders followed: once, so that whoever turns one later turns
 * nothing of ours. A link is followed if the user made it, root, or whose cache it is.
 * @throws Failure `cache.foreign_link`, `cache.broken_link` (1); Node's errors
 */
export async function openPlaces(
  files: Doors,
  cacheDir: string,
  repo: string,
): Promise<RepoPlaces> {
  const base = await files.realpath(cacheDir);
  const follow = await linkFollower(files, base);
  const within = async (folder: string, name: string): Promise<string> =>
    follow(join(await follow(join(base, folder)), name));
  const named = placesOf(base, repo);
  const name = named.root.slice(base.length + 1);
  const inRoot = async (): Promise<ReturnType<typeof foldersOf>> => {
    const folders = foldersOf(await follow(named.root));
    const [blobs, snapshots, refs] = await Promise.all([
      follow(folders.blobs),
      follow(folders.snapshots),
      follow(folders.refs),
    ]);
    return { root: folders.root, blobs, snapshots, refs };
  };
  const [folders, locks, staging] = await Promise.all([
    inRoot(),
    within(".locks", name),
    within(stagingName, name),
  ]);
  return { ...folders, locks, staging, assembly: join(staging, "assembly") };
}

/**
 * Makes a link in the cache and removes it: without links nothing that is downloaded can be given its name, and that should
 * show before the first byte. SMB, exFAT and FAT answer with EPERM or EOPNOTSUPP.
 * @throws Failure `cache.no_symlinks` (exit 1); Node's errors where not even a file can be made
 */
export async function requireLinks(
  host: Pick<Host, "files" | "system">,
  cacheDir: string,
): Promise<void> {
  const { files } = host;
  // A name that all runs share: one that is killed here leaves what the next one removes.
  const trial = join(cacheDir, ".heros-link");
  await files.rm(trial, { force: true });
  try {
    await files.symlink("blobs", trial);
  } catch (error) {
    // Another run's trial.
    if (errorCode(error) === "EEXIST") return;
    // Where files can't be made either, that is the reason.
    await files.writeFile(trial, "", { flag: "wx" });
    const { fileSystem } = await lookAtPlace(host, cacheDir);
    throw failure("cache.no_symlinks", { folder: cacheDir, type: fileSystem?.type ?? null }, error);
  } finally {
    await files.rm(trial, { force: true });
  }
}

/** Removes staging folders in which nothing is left, so that the cache looks to other programs as if they had filled it. */
export async function tidyStaging(
  files: Pick<Files, "rmdir">,
  { cacheDir, blobs }: { readonly cacheDir: string; readonly blobs: readonly { repo: string }[] },
): Promise<void> {
  const repos = new Set(blobs.map(({ repo }) => repo));
  await Promise.all(
    [...repos].map((repo) => files.rmdir(placesOf(cacheDir, repo).staging).catch(() => {})),
  );
  await files.rmdir(join(cacheDir, stagingName)).catch(() => {});
}

/**
 * Why a model can't get its files: a folder of its own in the cache is another user's, or something lies where a file or a
 * folder should be. Null where nothing is in the way.
 */
export async function findObstacle(
  files: Doors & Pick<Files, "access">,
  { cacheDir, blobs }: Survey,
  item: SurveyedItem,
): Promise<Failure | null> {
  const folders: string[] = [];
  const entries: string[] = [];
  for (const snapshot of item.snapshots) {
    const missing = snapshot.files.filter(({ linked }) => !linked);
    if (missing.length === 0) continue;
    const places = await openPlaces(files, cacheDir, snapshot.repo).catch((error: unknown) =>
      error instanceof Failure ? error : null,
    );
    if (places instanceof Failure) return places;
    // Nothing is there yet.
    if (places === null) continue;
    folders.push(...foldersToWrite(places, snapshot));
    const lacking = blobs.filter(({ cached, repo }) => !cached && repo === snapshot.repo);
    entries.push(
      ...lacking.flatMap(({ blobName }) => [
        blobPath(places, blobName),
        partialPath(places, blobName),
        journalPath(places, blobName),
      ]),
      ...missing.map(({ path }) => join(snapshot.path, path)),
    );
  }
  return obstacleAmong(files, { cacheDir, folders, entries });
}

/**
 * The same of repositories of which it is not known what is missing: a folder that is there, and whether this user can
 * write to it. Null where nothing is in the way.
 */
export function findRepoObstacle(
  files: Pick<Files, "access" | "lstat" | "stat">,
  cacheDir: string,
  repos: readonly string[],
): Promise<Failure | null> {
  const folders = repos.flatMap((repo) => {
    const { locks, staging, root, blobs, snapshots, refs } = placesOf(cacheDir, repo);
    return [locks, staging, root, blobs, snapshots, refs];
  });
  return obstacleAmong(files, { cacheDir, folders, entries: [] });
}

/** The folders in which something of the model has to be made, the outer ones first. */
function foldersToWrite(
  { root, blobs, snapshots, refs, locks, staging }: RepoPlaces,
  { path, files }: SurveyedSnapshot,
): string[] {
  const inner = files.filter(({ linked }) => !linked).map((file) => dirname(join(path, file.path)));
  return [locks, staging, root, blobs, snapshots, refs, ...new Set(inner)];
}

/**
 * What all that comes needs, and what is to be copied too: into a `blobs` folder that is on another disk than what is
 * coming.
 */
export async function neededSpace(
  files: Pick<Files, "stat" | "statfs">,
  survey: Survey,
): Promise<readonly NeededSpace[]> {
  const { cacheDir, totalBytes, cachedBytes, resumedBytes, freeBytes } = survey;
  const what = "models";
  const cache = await nearestThere(files, join(cacheDir, stagingName));
  const bytes = totalBytes - cachedBytes - resumedBytes;
  const needs: NeededSpace[] = [
    { disk: cache?.disk ?? 0, folder: cacheDir, what, bytes, freeBytes },
  ];
  const unlinked = survey.models.flatMap(({ snapshots }) =>
    snapshots.filter((snapshot) => snapshot.files.some(({ linked }) => !linked)),
  );
  for (const repo of new Set(unlinked.map((snapshot) => snapshot.repo))) {
    const places = placesOf(cacheDir, repo);
    const [target, staging] = await Promise.all([
      nearestThere(files, places.blobs),
      nearestThere(files, places.staging),
    ]);
    if (target === null || target.disk === staging?.disk) continue;
    let copiedBytes = 0;
    for (const blob of survey.blobs.filter((each) => each.repo === repo)) {
      const found = await findBlob(files, places, blob);
      if (found !== blobPath(places, blob.blobName)) copiedBytes += blob.sizeBytes;
    }
    needs.push({
      disk: target.disk,
      folder: places.blobs,
      what,
      bytes: copiedBytes,
      freeBytes: await freeSpace(files, places.blobs),
    });
  }
  return needs;
}
