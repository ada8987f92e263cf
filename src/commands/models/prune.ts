import type { CatalogModel } from "../../catalog/catalog.ts";
import { planPrune, prune, type PruneRepo } from "../../store/hub-cache/prune.ts";
import type { Survey } from "../../store/store.ts";
import { formatBytes } from "../../run/units.ts";
import type { Placed } from "../models-place.ts";
import { cachedModels, viewCache } from "./view-cache.ts";
import type { Fetching, Work } from "../command-request.ts";

export interface PruneModelsRequest {
  readonly fetching: Placed<Fetching>;
  /** Consent was given; without it the files are only shown. */
  readonly remove: boolean;
}

/**
 * Shows the unused files of the catalog's repositories, or removes them.
 * @returns the sentences of the closing page
 * @throws AbortError
 */
export async function pruneModels(
  work: Work,
  { fetching, remove }: PruneModelsRequest,
): Promise<string[]> {
  const { host, emit, signal } = work;
  const { cacheDir } = fetching;
  const models = await cachedModels(work, cacheDir, fetching.catalog.models);
  const { survey } = await viewCache(work, { fetching, models, ask: "always" });
  const repos = wantedOf(models, survey);
  const { files, kept } = await planPrune({ host, cacheDir, repos, signal });
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  emit({
    type: "prune.planned",
    cacheDir,
    dryRun: !remove,
    bytes,
    files: files.map(({ kind, repo, file, bytes: gained }) => ({
      kind,
      repo,
      file,
      bytes: gained,
    })),
    kept,
  });
  if (files.length === 0) return ["There is nothing to remove."];
  if (!remove) {
    return [`Nothing was removed. To free ${formatBytes(bytes)}: heros models prune --yes`];
  }
  const done = await prune({ host, cacheDir, files, emit, signal });
  const gained = done.files.reduce((sum, file) => sum + file.bytes, 0);
  const left = done.kept.map(({ file, reason }) => `Kept: ${file} (${reason})`);
  const noun = done.files.length === 1 ? "file" : "files";
  return [`${done.files.length} ${noun} removed, ${formatBytes(gained)} freed.`, ...left];
}

/** The blobs that the catalog's revisions need of each of its repositories; null for one of which a listing is not known. */
function wantedOf(models: readonly CatalogModel[], survey: Survey): PruneRepo[] {
  const unlisted = new Set(
    survey.models.filter(({ problem }) => problem !== null).map(({ id }) => id),
  );
  const parts = models.flatMap(({ id, parts: own }) =>
    own.map(({ repo }) => ({ repo, unknown: unlisted.has(id) })),
  );
  return [...new Set(parts.map(({ repo }) => repo))].toSorted().map((repo) => {
    if (parts.some((part) => part.repo === repo && part.unknown)) return { repo, wanted: null };
    const names = survey.blobs.filter((blob) => blob.repo === repo).map((blob) => blob.blobName);
    return { repo, wanted: new Set(names) };
  });
}
