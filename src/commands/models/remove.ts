import type { Catalog, CatalogModel } from "../../catalog/catalog.ts";
import { modelsByName } from "../../catalog/model-name.ts";
import { schemeOf } from "../../run/repos/file-listing.ts";
import { failure } from "../../run/failures/table.ts";
import { type OllamaName, parseOllamaRepo } from "../../run/repos/ollama.ts";
import { formatBytes } from "../../run/units.ts";
import { placesOf } from "../../store/hub-cache/layout.ts";
import { commitOf } from "../../store/hub-cache/look-up.ts";
import { type KeptFile, prune, type PrunePlan } from "../../store/hub-cache/prune.ts";
import { planRepoRemoval, tidyRepo } from "../../store/hub-cache/remove.ts";
import type { Fetching, Work } from "../command-request.ts";
import type { Placed } from "../models-place.ts";
import { plannedRemoval, removedWords } from "./removal.ts";

export interface RemoveModelsRequest {
  readonly fetching: Placed<Fetching>;
  readonly names: readonly string[];
  /** Consent was given; without it the files are only shown. */
  readonly remove: boolean;
}

/**
 * Shows what models take, or removes them: never what another one needs.
 * @returns the sentences of the closing page
 * @throws Failure `models.unknown`, `models.not_here` (2), `cache.not_writable`, `ollama.not_writable` (1); AbortError
 */
export async function removeModels(
  work: Work,
  { fetching, names, remove }: RemoveModelsRequest,
): Promise<string[]> {
  const { host, emit, signal } = work;
  const { files } = host;
  const { cacheDir, catalog } = fetching;
  const models = modelsByName(catalog, names);
  const removal = await import("../../store/ollama/remove.ts");
  const modelsDir = fetching.ollamaDir;
  const inCache = await planOfHub(work, fetching, models);
  const ofOllama = models.flatMap(ollamaNames);
  const inOllama = await removal.planOllamaRemoval(files, modelsDir, ofOllama);
  const plan = {
    files: [...inCache.files, ...inOllama.files],
    kept: [...inCache.kept, ...inOllama.kept],
  };
  if (plan.files.length === 0 && plan.kept.length === 0) {
    throw failure("models.not_here", { name: models.map(({ id }) => id).join(", ") });
  }
  emit(plannedRemoval(plan, { cacheDir, remove }));
  if (plan.files.length === 0) return ["There is nothing to remove."];
  if (!remove) {
    const bytes = plan.files.reduce((sum, file) => sum + file.bytes, 0);
    return [`Nothing was removed. To free ${formatBytes(bytes)}, add --yes.`];
  }
  const done = await prune({ host, cacheDir, files: inCache.files, emit, signal });
  for (const repo of new Set(inCache.files.map((file) => file.repo))) {
    await tidyRepo(files, cacheDir, repo);
  }
  const own = { host, cacheDir: modelsDir, files: inOllama.files, emit, signal };
  const also = await prune({ ...own, area: "ollama" });
  await removal.tidyManifests(files, modelsDir, ofOllama);
  return removedWords({
    files: [...done.files, ...also.files],
    kept: [...done.kept, ...also.kept],
  });
}

function ollamaNames({ parts }: CatalogModel): OllamaName[] {
  return parts.flatMap(({ repo, revision }) => {
    const named = parseOllamaRepo(repo);
    return named === null ? [] : [{ ...named, tag: revision }];
  });
}

async function planOfHub(
  { host: { files } }: Pick<Work, "host">,
  { cacheDir, catalog }: Pick<Placed<Fetching>, "cacheDir" | "catalog">,
  models: readonly CatalogModel[],
): Promise<PrunePlan> {
  const parts = models
    .flatMap((model) => model.parts)
    .filter(({ repo }) => schemeOf(repo) === "hub");
  const plans: PrunePlan[] = [];
  const kept: KeptFile[] = [];
  for (const [repo, own] of Map.groupBy(parts, (part) => part.repo)) {
    const user = userOf(catalog, models, repo);
    if (user !== null) {
      kept.push({ file: placesOf(cacheDir, repo).root, reason: `${user} needs it` });
      continue;
    }
    const found = await Promise.all(
      own.map(({ revision }) => commitOf(files, placesOf(cacheDir, repo), revision)),
    );
    const commits = new Set(found.flatMap((commit) => commit ?? []));
    plans.push(await planRepoRemoval(files, cacheDir, { repo, commits }));
  }
  return {
    files: plans.flatMap((each) => each.files),
    kept: [...kept, ...plans.flatMap((each) => each.kept)],
  };
}

/** A model of the catalog that needs a repository, and is not to be removed itself; null where none does. */
function userOf(catalog: Catalog, models: readonly CatalogModel[], repo: string): string | null {
  const removed = new Set(models.map(({ id }) => id));
  const user = catalog.models.find(
    ({ id, parts }) => !removed.has(id) && parts.some((part) => part.repo === repo),
  );
  return user?.id ?? null;
}
