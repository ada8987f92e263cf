import type { CatalogModel } from "../../catalog/catalog.ts";
import { modelsByName } from "../../catalog/model-name.ts";
import { schemeOf } from "../../run/repos/file-listing.ts";
import { formatBytes } from "../../run/units.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { type Placed, placeModels, requireMounted } from "../models-place.ts";
import { chosenModels, type ModelChoice } from "../pull.ts";
import type { Fetching, Work } from "../command-request.ts";
import { otherModels } from "./other-models.ts";
import { plannedRemoval, removedWords } from "./removal.ts";
import { requireReadable } from "./require-readable.ts";
import { repair, verify } from "./verify.ts";
import { listedModels, viewCache, cachedModels } from "./view-cache.ts";
import {
  planPrune,
  prune,
  type PruneFinding,
  type PruneRepo,
} from "../../store/hub-cache/prune.ts";
import type { Person } from "../../plan/interview.ts";
import { requireOllamaFolder } from "../../store/ollama/folder.ts";
import type { Survey } from "../../store/store.ts";

export interface ModelsRequest {
  readonly settings: GatheredSettings;
  readonly action: "ls" | "verify" | "repair" | "prune" | "rm" | "update" | "push";
  readonly choice: ModelChoice;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Asked before an update. */
  readonly person: Pick<Person, "confirm" | "choose">;
}

/**
 * `heros models ls | verify | repair | prune | rm | update | push`
 * @throws Failure `models.not_readable` (1), and of each of them; AbortError
 */
export async function performModels(
  work: Work,
  request: ModelsRequest,
): Promise<readonly string[] | null> {
  const { action, choice, yes, dryRun, person } = request;
  const settings = await placeModels(work, request.settings);
  const { catalog, cacheDir } = settings;
  await requireMounted(work, cacheDir);
  requireOllamaFolder(work.host, settings.ollamaDir);
  const wanted = action === "push" ? choice.names.slice(1) : choice.names;
  const asked = wanted.length === 0 ? null : modelsByName(catalog, wanted);
  const repos = asked?.flatMap(({ parts }) => parts.map(({ repo }) => repo)) ?? null;
  await requireReadable(work.host.files, settings, repos);
  switch (action) {
    case "ls": {
      const all = choice.all || !choice.groups;
      const models = chosenModels({ ...choice, all }, settings);
      const others = choice.groups ? [] : await otherModels(work, settings);
      return listModels(work, settings, { models, others });
    }
    case "verify":
    case "repair": {
      const { names } = choice;
      const named = names.length > 0;
      const models: readonly CatalogModel[] = named ? modelsByName(catalog, names) : catalog.models;
      const checked = { fetching: settings, models, named };
      return action === "verify" ? verify(work, checked) : repair(work, checked);
    }
    case "rm": {
      const { removeModels } = await import("./remove.ts");
      return removeModels(work, {
        fetching: settings,
        names: choice.names,
        remove: yes && !dryRun,
      });
    }
    case "update": {
      const { updateModels } = await import("./update.ts");
      return updateModels(work, { settings, names: choice.names, yes, dryRun, person });
    }
    case "push": {
      const [place = "", ...names] = choice.names;
      const named = names.length > 0;
      const models = named
        ? modelsByName(catalog, names)
        : await cachedModels(work, cacheDir, catalog.models);
      const others = named ? [] : await otherModels(work, settings);
      const ofHub = others.filter(({ parts: [{ repo }] }) => schemeOf(repo) === "hub");
      const { pushModels } = await import("./push.ts");
      return pushModels(work, { fetching: settings, place, models, others: ofHub, named });
    }
    case "prune":
      return pruneModels(work, { settings, remove: yes && !dryRun });
  }
}

/**
 * Tells of each model whether it is downloaded, and where.
 * @returns the sentences of the closing page
 * @throws AbortError
 */
export async function listModels(
  work: Work,
  fetching: Placed<Fetching>,
  { models, others }: { models: readonly CatalogModel[]; others: readonly CatalogModel[] },
): Promise<string[]> {
  const { survey } = await viewCache(work, { fetching, models, others, ask: "unknown" });
  const unknown = survey.models.filter(({ problem }) => problem !== null);
  const problem = unknown[0]?.problem ?? null;
  if (problem !== null) {
    const titles = unknown.map(({ title }) => title).join(", ");
    work.emit({
      type: "notice",
      level: "warning",
      code: problem.code,
      message: `The size of ${titles} is unknown. ${problem.message}`,
      hint: problem.hint,
    });
  }
  const listed = listedModels(survey, [...models, ...others]);
  work.emit({ type: "models.listed", cacheDir: survey.cacheDir, models: listed });
  const missing = listed.filter(({ state }) => state !== "here");
  if (missing.length === 0) return ["All of these models are ready."];
  const known = missing.filter(({ totalBytes }) => totalBytes !== null);
  const bytes = known.reduce((sum, each) => sum + (each.totalBytes ?? 0) - each.receivedBytes, 0);
  const size = known.length === 0 ? "" : `${formatBytes(bytes)} to download. `;
  const named = missing.length === 1 ? missing[0]?.id : "MODEL";
  return [
    `${listed.length - missing.length} of ${listed.length} models are ready. ${size}Download one: heros pull ${named ?? "MODEL"}`,
  ];
}

export interface PruneModelsRequest {
  readonly settings: Placed<GatheredSettings>;
  /** Consent was given; without it the files are only shown. */
  readonly remove: boolean;
}

/**
 * Shows the unused files of the catalog's repositories, and revisions that updates replaced, or removes them.
 * @returns the sentences of the closing page
 * @throws AbortError
 */
export async function pruneModels(
  work: Work,
  { settings, remove }: PruneModelsRequest,
): Promise<string[]> {
  const { host, emit, signal } = work;
  const { cacheDir } = settings;
  const models = await cachedModels(work, cacheDir, settings.catalog.models);
  const { survey } = await viewCache(work, { fetching: settings, models, ask: "always" });
  const repos = wantedOf(models, survey);
  const ours = await planPrune({ host, cacheDir, repos, signal });
  const { planSuperseded } = await import("./superseded-files.ts");
  const old = await planSuperseded(work, settings);
  const inCache = distinct([...ours.files, ...old.hub.files]);
  const files = [...inCache, ...old.ollama.files];
  const kept = [...ours.kept, ...old.hub.kept, ...old.ollama.kept];
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  emit(plannedRemoval({ files, kept }, { cacheDir, remove }));
  if (files.length === 0) return ["There is nothing to remove."];
  if (!remove) {
    return [`Nothing was removed. To free ${formatBytes(bytes)}: heros models prune --yes`];
  }
  const done = await prune({ host, cacheDir, files: inCache, emit, signal });
  const own = { host, cacheDir: settings.ollamaDir, files: old.ollama.files, emit, signal };
  const also = await prune({ ...own, area: "ollama" });
  return removedWords({
    files: [...done.files, ...also.files],
    kept: [...done.kept, ...also.kept],
  });
}

/** Each file once. */
function distinct(files: readonly PruneFinding[]): PruneFinding[] {
  return [...new Map(files.map((each) => [each.file, each])).values()];
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
