import { dirname, join } from "node:path";
import type { Host } from "../../host/host.ts";
import { Failure } from "../../run/failure.ts";
import { fileFailure } from "../../run/file-failure.ts";
import { failure } from "../../run/failures/table.ts";
import { freeSpace, neededFor, requireDiskSpace } from "../disk-space.ts";
import type { Survey, SurveyedModel, SurveyedSnapshot } from "../store.ts";
import { blobPath, journalPath, partialPath, placesOf, type RepoPlaces } from "./layout.ts";
import { findBlob } from "./look-up.ts";
import { openPlaces } from "./prepare-folders.ts";

const writeAndSearch = 2 | 1;

type Doors = Pick<Host["files"], "access" | "lstat" | "realpath" | "stat">;

/**
 * Why a model can't get its files: a folder of its own in the cache is another user's, or something lies where a file or a
 * folder should be. Null where nothing is in the way.
 */
export async function findObstacle(
  files: Doors,
  { cacheDir, blobs }: Survey,
  model: SurveyedModel,
): Promise<Failure | null> {
  const place = { folder: cacheDir, area: "cache" } as const;
  const closed: string[] = [];
  for (const snapshot of model.snapshots) {
    const missing = snapshot.files.filter(({ linked }) => !linked);
    if (missing.length === 0) continue;
    const places = await openPlaces(files, cacheDir, snapshot.repo).catch((error: unknown) =>
      error instanceof Failure ? error : null,
    );
    if (places instanceof Failure) return places;
    // Nothing is there yet.
    if (places === null) continue;
    for (const folder of foldersToWrite(places, snapshot)) {
      const nearest = await nearestThere(files, folder);
      if (nearest === null) continue;
      if (!nearest.isFolder) return fileFailure(inTheWay("ENOTDIR", nearest.path), place);
      if (!(await isOpen(files, nearest.path))) closed.push(nearest.path);
    }
    const lacking = blobs.filter(({ cached, repo }) => !cached && repo === snapshot.repo);
    const entries = [
      ...lacking.flatMap(({ blobName }) => [
        blobPath(places, blobName),
        partialPath(places, blobName),
        journalPath(places, blobName),
      ]),
      ...missing.map(({ path }) => join(snapshot.path, path)),
    ];
    for (const entry of entries) {
      const found = await files.lstat(entry).catch(() => null);
      if (found?.isDirectory() === true) return fileFailure(inTheWay("EISDIR", entry), place);
    }
  }
  return closed.length === 0
    ? null
    : failure("cache.not_writable", { why: "owned", folders: [...new Set(closed)] });
}

/** The folders in which something of the model has to be made, the outer ones first. */
function foldersToWrite(
  { root, blobs, snapshots, refs, locks, staging }: RepoPlaces,
  { path, files }: SurveyedSnapshot,
): string[] {
  const inner = files.filter(({ linked }) => !linked).map((file) => dirname(join(path, file.path)));
  return [locks, staging, root, blobs, snapshots, refs, ...new Set(inner)];
}

/** The folder, or what there is of the way to it. */
async function nearestThere(
  files: Pick<Doors, "stat">,
  folder: string,
): Promise<{ readonly path: string; readonly isFolder: boolean; readonly disk: number } | null> {
  for (let path = folder; ; path = dirname(path)) {
    const found = await files.stat(path).catch(() => null);
    if (found !== null) return { path, isFolder: found.isDirectory(), disk: found.dev };
    if (path === dirname(path)) return null;
  }
}

function isOpen(files: Doors, folder: string): Promise<boolean> {
  return files.access(folder, writeAndSearch).then(
    () => true,
    () => false,
  );
}

function inTheWay(code: "ENOTDIR" | "EISDIR", path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, path });
}

/**
 * Checks before the first byte that all that comes fits, and what is to be copied too: into a `blobs` folder that is on
 * another disk than what is coming. @throws Failure `disk.too_small`, exit status 7
 */
export async function requireSpace(
  files: Pick<Host["files"], "stat" | "statfs">,
  survey: Survey,
): Promise<void> {
  requireDiskSpace(survey);
  const { cacheDir } = survey;
  const unlinked = survey.models.flatMap(({ snapshots }) =>
    snapshots.filter((snapshot) => snapshot.files.some(({ linked }) => !linked)),
  );
  const disks = new Map<number, { readonly folder: string; bytes: number }>();
  for (const repo of new Set(unlinked.map((snapshot) => snapshot.repo))) {
    const places = placesOf(cacheDir, repo);
    const [target, staging] = await Promise.all([
      nearestThere(files, places.blobs),
      nearestThere(files, places.staging),
    ]);
    if (target === null || target.disk === staging?.disk) continue;
    const entry = disks.get(target.disk) ?? { folder: places.blobs, bytes: 0 };
    for (const blob of survey.blobs.filter((each) => each.repo === repo)) {
      const found = await findBlob(files, places, blob);
      if (found !== blobPath(places, blob.blobName)) entry.bytes += blob.sizeBytes;
    }
    disks.set(target.disk, entry);
  }
  for (const { folder, bytes } of disks.values()) {
    const neededBytes = neededFor(bytes);
    const freeBytes = await freeSpace(files, folder);
    requireDiskSpace({ cacheDir: folder, neededBytes, freeBytes });
  }
}
