import { dirname, join } from "node:path";
import type { Host } from "../host/host.ts";
import { Failure } from "../run/failure.ts";
import { fileFailure } from "../run/file-failures.ts";
import { closedFolders } from "../run/folder-failures.ts";
import { countBytes } from "../run/byte-ranges.ts";
import { blobPath, journalPath, partialPath, type RepoPlaces } from "../store/hub-cache/layout.ts";
import { neededFor } from "../store/disk-space.ts";
import { openPlaces } from "../store/hub-cache/open.ts";
import type { Survey, SurveyedModel, SurveyedSnapshot } from "./survey.ts";

const writeAndSearch = 2 | 1;

type Doors = Pick<Host["files"], "access" | "lstat" | "realpath" | "stat">;

export interface Blocked {
  readonly model: SurveyedModel;
  readonly failure: Failure;
}

/**
 * Finds out before the first byte which models can't get their files, because a folder of theirs in the cache is another
 * user's, or something lies where a file or a folder should be: they alone are left out.
 */
export async function leaveOutBlocked(
  { files }: { readonly files: Doors },
  survey: Survey,
): Promise<{ readonly survey: Survey; readonly blocked: readonly Blocked[] }> {
  const judged = await Promise.all(
    survey.models.map(async (model) => ({
      model,
      failure: await obstacleOf(files, survey, model),
    })),
  );
  const blocked = judged.flatMap(({ model, failure }) =>
    failure === null ? [] : [{ model, failure }],
  );
  if (blocked.length === 0) return { survey, blocked };
  const models = judged.flatMap(({ model, failure }) => (failure === null ? [model] : []));
  return { survey: surveyOf(survey, models), blocked };
}

/** What is left of a survey with these of its models. */
function surveyOf(survey: Survey, models: readonly SurveyedModel[]): Survey {
  const ids = new Set(models.map(({ id }) => id));
  const blobs = survey.blobs.filter((blob) => blob.models.some((id) => ids.has(id)));
  const paths = models.flatMap(({ snapshots }) =>
    snapshots.flatMap(({ path, files }) => files.map((file) => join(path, file.path))),
  );
  const sum = (bytesOf: (blob: Survey["blobs"][number]) => number) =>
    blobs.reduce((bytes, blob) => bytes + bytesOf(blob), 0);
  const totalBytes = sum(({ sizeBytes }) => sizeBytes);
  const cachedBytes = sum(({ cached, sizeBytes }) => (cached ? sizeBytes : 0));
  const resumedBytes = sum(({ held }) => countBytes(held));
  return {
    ...survey,
    models,
    blobs,
    files: new Set(paths).size,
    totalBytes,
    cachedBytes,
    resumedBytes,
    neededBytes: neededFor(totalBytes - cachedBytes - resumedBytes),
  };
}

async function obstacleOf(
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
  return closed.length === 0 ? null : closedFolders([...new Set(closed)]);
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
  files: Doors,
  folder: string,
): Promise<{ readonly path: string; readonly isFolder: boolean } | null> {
  for (let path = folder; ; path = dirname(path)) {
    const found = await files.stat(path).catch(() => null);
    if (found !== null) return { path, isFolder: found.isDirectory() };
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
