import { join } from "node:path";
import type { Host } from "../host/host.ts";
import type { FileHash, HubFile, HubListing } from "../source/hub/listing.ts";
import type { Hub } from "../source/hub/hub.ts";
import { Failure } from "../run/failure.ts";
import type { ByteRanges } from "../run/byte-ranges.ts";
import { countBytes } from "../run/byte-ranges.ts";
import { placesOf, snapshotPath, stagingName } from "../store/hub-cache/layout.ts";
import { lookAtBlob, lookAtFile } from "../store/hub-cache/look-up.ts";
import { freeSpace, neededFor } from "../store/disk-space.ts";
import { type CacheFallback, chooseFiles, listFiles } from "./list-files.ts";
import { sideBySide } from "../run/concurrency.ts";
import { readBootId } from "../host/process-table.ts";

/** What of a catalog's model the download needs. */
export interface ModelRequest {
  readonly id: string;
  readonly title: string;
  readonly tier: number;
  readonly purpose: string;
  readonly parts: readonly RequestedPart[];
}

export interface RequestedPart {
  readonly repo: string;
  readonly revision: string;
  /** Patterns; null means every file. */
  readonly files: readonly string[] | null;
}

/** One content of one repository, whatever the number of files and models that use it. */
export interface SurveyedBlob {
  readonly repo: string;
  readonly commit: string;
  /** Of the first file with this content. */
  readonly path: string;
  readonly blobName: string;
  readonly sizeBytes: number;
  readonly hash: FileHash;
  readonly cached: boolean;
  /** Of the partial, safely on disk. */
  readonly held: ByteRanges;
  /** Ids of the models that need it; the first has the lowest tier. */
  readonly models: readonly string[];
  /** The lowest of its models. */
  readonly tier: number;
}

/** The files of one repository that one model needs. */
export interface SurveyedSnapshot {
  readonly repo: string;
  readonly revision: string;
  readonly commit: string;
  /** The folder that a program loads from. */
  readonly path: string;
  readonly files: readonly {
    readonly path: string;
    readonly blobName: string;
    readonly linked: boolean;
  }[];
}

export interface SurveyedModel {
  readonly id: string;
  readonly title: string;
  readonly tier: number;
  readonly purpose: string;
  readonly totalBytes: number;
  readonly cachedBytes: number;
  /** Of partials. */
  readonly resumedBytes: number;
  readonly snapshots: readonly SurveyedSnapshot[];
  /** Why its files could not be listed; null where they were. Only in a lenient survey. */
  readonly problem: Failure | null;
}

export interface Survey {
  readonly cacheDir: string;
  /** By tier, then as requested. */
  readonly models: readonly SurveyedModel[];
  readonly blobs: readonly SurveyedBlob[];
  readonly files: number;
  readonly totalBytes: number;
  readonly cachedBytes: number;
  readonly resumedBytes: number;
  /** What still has to fit on the disk, with headroom; 0 where nothing is missing. */
  readonly neededBytes: number;
  readonly freeBytes: number;
}

export interface SurveyRequest {
  readonly host: Pick<Host, "files">;
  readonly hub: Hub;
  readonly cacheDir: string;
  readonly models: readonly ModelRequest[];
  readonly signal: AbortSignal;
  /** A model that can't be listed gets its `problem` instead of ending the survey. */
  readonly lenient?: boolean;
  /** Left out, a Hub that can't be asked is an error whatever the cache has. */
  readonly fallback?: CacheFallback;
}

/**
 * Lists the models' files and looks at what the cache holds of them. Writes nothing in the cache.
 * @throws Failure of the Hub, `hub.file_not_found` for a file name that the repository does not have; AbortError
 */
export async function surveyModels(request: SurveyRequest): Promise<Survey> {
  const { host, cacheDir, signal } = request;
  const listings = new Map<string, Promise<HubListing>>();
  let boot: Promise<string> | null = null;
  const bootId = () => (boot ??= readBootId(host.files));
  const ordered = request.models.toSorted((a, b) => a.tier - b.tier);
  const listed = await sideBySide(ordered, 8, signal, (model, either) =>
    listModel({ ...request, signal: either }, model, listings),
  );

  const linkedFiles = await lookAtLinks(request, listed);

  const blobs = new Map<string, SurveyedBlob>();
  const models: SurveyedModel[] = [];
  for (const { model, parts, problem } of listed) {
    const own = new Map<string, SurveyedBlob>();
    const snapshots: SurveyedSnapshot[] = [];
    for (const { part, listing, files } of parts) {
      const places = placesOf(cacheDir, listing.repo);
      const looked = await sideBySide(files, 64, signal, async (file) => {
        const linked = linkedFiles.has(file);
        const key = `${listing.repo}\n${file.blobName}`;
        const known = blobs.get(key);
        const state =
          known ??
          (linked
            ? { cached: true, held: [] }
            : await lookAtBlob(host.files, places, file, bootId));
        const users = [...new Set([...(known?.models ?? []), model.id])];
        const { repo, commit } = listing;
        const blob = { tier: model.tier, repo, commit, ...file, ...known, ...state, models: users };
        return { key, blob, link: { path: file.path, blobName: file.blobName, linked } };
      });
      for (const { key, blob } of looked) {
        blobs.set(key, blob);
        own.set(key, blob);
      }
      const path = snapshotPath(places, listing.commit);
      const { repo, commit } = listing;
      const links = looked.map(({ link }) => link);
      snapshots.push({ repo, revision: part.revision, commit, path, files: links });
    }
    const { id, title, tier, purpose } = model;
    const sums = sum([...own.values()]);
    models.push({ id, title, tier, purpose, ...sums, snapshots, problem });
  }

  const all = [...blobs.values()];
  const { totalBytes, cachedBytes, resumedBytes } = sum(all);
  const missingBytes = totalBytes - cachedBytes - resumedBytes;
  return {
    cacheDir,
    models,
    blobs: all,
    files: new Set(
      models.flatMap(({ snapshots }) =>
        snapshots.flatMap(({ path, files }) => files.map((file) => `${path}/${file.path}`)),
      ),
    ).size,
    totalBytes,
    cachedBytes,
    resumedBytes,
    neededBytes: neededFor(missingBytes),
    freeBytes: await freeSpace(host.files, join(cacheDir, stagingName)),
  };
}

/** The files that their snapshot has already, of all models at once: most of the time is waiting for the disk. */
async function lookAtLinks(
  { host, cacheDir, signal }: SurveyRequest,
  listed: readonly { readonly parts: readonly ListedPart[] }[],
): Promise<ReadonlySet<HubFile>> {
  const wanted = listed.flatMap(({ parts }) =>
    parts.flatMap(({ listing, files }) => {
      const places = placesOf(cacheDir, listing.repo);
      return files.map((file) => ({ places, commit: listing.commit, file }));
    }),
  );
  const linked = new Set<HubFile>();
  await sideBySide(wanted, 64, signal, async ({ places, commit, file }) => {
    if (await lookAtFile(host.files, places, commit, file)) linked.add(file);
  });
  return linked;
}

interface ListedPart {
  readonly part: RequestedPart;
  readonly listing: HubListing;
  readonly files: HubListing["files"];
}

async function listModel(
  request: SurveyRequest,
  model: ModelRequest,
  listings: Map<string, Promise<HubListing>>,
): Promise<{ model: ModelRequest; parts: ListedPart[]; problem: Failure | null }> {
  try {
    const parts = await Promise.all(
      model.parts.map(async (part) => {
        const { repo, revision } = part;
        const key = `${repo}\n${revision}`;
        const wanted = request.models
          .flatMap(({ parts: others }) => others)
          .filter((other) => other.repo === repo && other.revision === revision)
          .map((other) => other.files);
        const asked = listings.get(key) ?? listFiles(request, { repo, revision, wanted });
        listings.set(key, asked);
        const listing = await asked;
        return { part, listing, files: chooseFiles(listing, part.files) };
      }),
    );
    return { model, parts, problem: null };
  } catch (error) {
    if (request.lenient === true && error instanceof Failure)
      return { model, parts: [], problem: error };
    throw error;
  }
}

function sum(
  blobs: readonly SurveyedBlob[],
): Pick<Survey, "totalBytes" | "cachedBytes" | "resumedBytes"> {
  return {
    totalBytes: blobs.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0),
    cachedBytes: blobs.reduce((bytes, blob) => bytes + (blob.cached ? blob.sizeBytes : 0), 0),
    resumedBytes: blobs.reduce((bytes, { held }) => bytes + countBytes(held), 0),
  };
}
