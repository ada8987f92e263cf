import type { CatalogModel } from "../../catalog/catalog.ts";
import { modelsByName } from "../../catalog/model-name.ts";
import type { Person } from "../../plan/interview.ts";
import type { UpdatedModel } from "../../run/events/cache.ts";
import { failure } from "../../run/failures/table.ts";
import { schemeOf } from "../../run/repos/file-listing.ts";
import { quoted } from "../../run/shell-quote.ts";
import { formatBytes } from "../../run/units.ts";
import type { Source } from "../../source/source.ts";
import { isManifestFile } from "../../store/ollama/places.ts";
import { noteSuperseded } from "../../store/superseded.ts";
import { failureOfFiles, type Store } from "../../store/store.ts";
import type { Work } from "../command-request.ts";
import { fetchModels } from "../download-models.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { type Placed, requirePlace } from "../models-place.ts";
import { givenToken, openHub } from "../open-hub.ts";
import { openModelDoors } from "./model-doors.ts";
import { otherModels } from "./other-models.ts";
import { pinnedCommits } from "./pins.ts";
import { planUpdate, type UpdatePlan } from "./plan-update.ts";

export interface UpdateModelsRequest {
  readonly settings: Placed<GatheredSettings>;
  /** As `modelsByName` reads them; none means all that follow a branch or a tag. */
  readonly names: readonly string[];
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly person: Pick<Person, "confirm" | "choose">;
}

/** How long the Hub is waited for: what can't be asked is told, and the others go on. */
const patienceMs = 10_000;

/**
 * Brings models that follow a branch or a tag to what is newest at their source, after yes. The names move when everything is here.
 * @returns the sentences of the closing page; null where the person said no
 * @throws Failure `update.needs_yes`, `models.not_here` (2), of sources (2, 5), of the disk (7), of a hash (6); AbortError
 */
export async function updateModels(
  work: Work,
  { settings, names, yes, dryRun, person }: UpdateModelsRequest,
): Promise<readonly string[] | null> {
  const { host, emit, signal } = work;
  const token = await givenToken(host, settings);
  const named = modelsByName(settings.catalog, names);
  const others = names.length > 0 ? [] : await otherModels(work, settings);
  const all = names.length > 0 ? named : [...settings.catalog.models, ...others];
  const doors = await openModelDoors(work, { fetching: settings, token, models: all });
  const { source, store } = doors;
  const { models, unfinished } = await modelsHere(store, all, names.length > 0);
  for (const { id } of unfinished) emit(unfinishedNotice(id));
  if (models.length === 0) {
    return unfinished.length > 0
      ? ["Nothing to update."]
      : ["No model here follows a branch or a tag: nothing to update."];
  }

  const limit = { forMs: patienceMs };
  const patient = doors.beside(openHub(work, settings, token, limit), limit);
  const list: Source["list"] = (repo, revision, own) =>
    (schemeOf(repo) === "hub" ? patient : doors.fallback.impatient).list(repo, revision, own);
  const plan = await planUpdate(work, {
    places: settings,
    source: { ...source, list },
    store,
    models,
    pins: await pinnedCommits(work, settings),
  });
  const { survey, problems } = plan;
  const downloadBytes = survey.totalBytes - survey.cachedBytes - survey.resumedBytes;
  emit({ type: "update.planned", dryRun, downloadBytes, models: plan.models });
  const newer = plan.models.filter(({ state }) => state === "newer");
  const [problem] = problems;
  if (newer.length === 0) {
    if (problem !== undefined) throw problem;
    return [nothingNew(plan.models)];
  }
  if (dryRun) return [`Nothing was changed. To update: heros models update`];
  if (!yes) {
    const what = newer.length === 1 ? (newer[0]?.title ?? "") : `${newer.length} models`;
    const question = `Download ${formatBytes(downloadBytes)} and update ${what}?`;
    if (!(await agreed(person, { question, newer }, signal))) return null;
  }
  await requirePlace(work, survey);
  await note(work, settings, plan);
  const { fetchedBytes } = await fetchModels(work, settings, { source, store, survey });
  if (problem !== undefined) throw problem;
  return updatedWords(newer, fetchedBytes);
}

/** @throws Failure `update.needs_yes` (2) where nobody can be asked; AbortError */
async function agreed(
  { confirm, choose }: UpdateModelsRequest["person"],
  { question, newer }: { readonly question: string; readonly newer: readonly UpdatedModel[] },
  signal: AbortSignal,
): Promise<boolean> {
  if (confirm !== undefined) return confirm({ question, details: [] }, signal);
  if (choose === undefined) throw failure("update.needs_yes");
  const changes = newer.map(
    ({ id, added, changed, removed }) =>
      `${id}: ${added} added, ${changed} changed, ${removed} removed`,
  );
  const options = [
    { value: "yes", label: "Update", detail: changes.join("; ") },
    { value: "no", label: "Change nothing", detail: "" },
  ];
  return (await choose({ question, options }, signal)) === "yes";
}

/** A download that was never finished has nothing old to be updated. */
function unfinishedNotice(id: string) {
  return {
    type: "notice",
    level: "warning",
    code: "update.unfinished",
    message: `${id} is not complete, so it is not updated.`,
    hint: `Continue its download: heros pull ${quoted(id)}`,
  } as const;
}

/** Without names: those that follow something and are here; and those whose first download was not finished. @throws Failure `models.not_here` for a name */
async function modelsHere(
  store: Store,
  models: readonly CatalogModel[],
  named: boolean,
): Promise<{ models: readonly CatalogModel[]; unfinished: readonly CatalogModel[] }> {
  const states = await Promise.all(
    models.map(async ({ parts }) => {
      const [first] = parts;
      const commit = await store.commitOf(first.repo, first.revision);
      if (commit === null) return "absent";
      const files = await store.listSnapshot(first.repo, commit).catch(() => null);
      if (files === null) return "here";
      // Ollama has no model without a manifest where it looks, whatever else has come of it.
      const manifest = files.find(isManifestFile);
      const isHidden =
        manifest !== undefined && !(await store.hasFile(first.repo, commit, manifest));
      return files.length === 0 ? "absent" : isHidden ? "unfinished" : "here";
    }),
  );
  const of = (state: (typeof states)[number]) =>
    models.filter((_model, index) => states[index] === state);
  const [absent, unfinished, here] = [of("absent"), of("unfinished"), of("here")];
  if (named && absent.length > 0) {
    throw failure("models.not_here", { name: absent.map(({ id }) => id).join(", ") });
  }
  // Of a commit that no catalog names, an older revision may be all there is.
  const followed = named ? here : here.filter(({ id }) => !/@[0-9a-f]{40}$/u.test(id));
  return { models: followed, unfinished };
}

/** Before the names move: a revision that still has one is never removed. */
async function note(
  { host: { files } }: Work,
  { cacheDir, ollamaDir }: Placed<GatheredSettings>,
  { superseded: { hub, ollama } }: UpdatePlan,
): Promise<void> {
  try {
    if (hub.length > 0) await noteSuperseded(files, cacheDir, hub);
  } catch (error) {
    throw failureOfFiles(error, cacheDir);
  }
  try {
    if (ollama.length > 0) await noteSuperseded(files, ollamaDir, ollama);
  } catch (error) {
    throw failureOfFiles(error, ollamaDir, "ollama");
  }
}

function nothingNew(models: readonly UpdatedModel[]): string {
  return models.every(({ state }) => state === "pinned")
    ? "Nothing to update: these models are pinned to a revision."
    : "All models are up to date.";
}

function updatedWords(newer: readonly UpdatedModel[], fetchedBytes: number): string[] {
  const what = newer.length === 1 ? "1 model is" : `${newer.length} models are`;
  const frees = newer.reduce((sum, { freesBytes }) => sum + freesBytes, 0);
  return [
    `${what} up to date now (${formatBytes(fetchedBytes)} downloaded).`,
    ...(frees === 0
      ? []
      : [`The revisions before take ${formatBytes(frees)}. To free it: heros models prune --yes`]),
  ];
}
