import type { CatalogModel } from "../../catalog/catalog.ts";
import {
  itemsOf,
  requireSpace,
  type Survey,
  type SurveyedSnapshot,
  surveyOf,
} from "../../store/store.ts";
import { findAside, putAside, removeAside } from "../../store/hub-cache/repair.ts";
import {
  countFiles,
  type Damage,
  inspectCache,
  requireSound,
  type Verification,
  verifyModels,
} from "../../store/hub-cache/verify.ts";
import { failure } from "../../run/failures/table.ts";
import { fetchModels, surveyModels } from "../download-models.ts";
import { type RepoScheme, schemeOf } from "../../run/repos/file-listing.ts";
import type { Source } from "../../source/source.ts";
import { formatBytes } from "../../run/units.ts";
import { type Placed, requireWritable } from "../models-place.ts";
import { openModelDoors } from "./model-doors.ts";
import { givenToken } from "../open-hub.ts";
import { otherModels } from "./other-models.ts";
import { cachedModels, type CacheView, viewCache } from "./view-cache.ts";
import type { Fetching, Work } from "../command-request.ts";

export interface CheckRequest {
  readonly fetching: Placed<Fetching>;
  readonly models: readonly CatalogModel[];
  /** True where the models were named: then what is missing of them counts too. Else those of the cache are checked. */
  readonly named: boolean;
}

/**
 * Hashes what the cache holds of the models. Changes nothing.
 * @returns the sentences of the closing page
 * @throws Failure `models.damaged` (exit 6); of the Hub (2, 5) for a named model that nothing is known of; AbortError
 */
export async function verify(work: Work, request: CheckRequest): Promise<string[]> {
  const { checked } = await check(work, request);
  requireSound(checked.damaged);
  return checkedWords(checked);
}

/**
 * Checks as `verify` does, puts what is damaged aside and brings sound content in its place.
 * @returns the sentences of the closing page
 * @throws Failure of the Hub (2, 5), of the disk (7), of a hash (6), `cache.busy` (1); AbortError
 */
export async function repair(work: Work, request: CheckRequest): Promise<string[]> {
  const { host, emit, signal } = work;
  const { view, checked } = await check(work, request);
  const { damaged } = checked;
  const { cacheDir } = view.survey;
  const inCache = damaged.filter(({ repo }) => schemeOf(repo) === "hub");
  const elsewhere = damaged.filter((each) => !inCache.includes(each));
  const repos = view.survey.blobs.flatMap(({ repo }) => (schemeOf(repo) === "hub" ? [repo] : []));
  const removeOld = async () =>
    removeAside({ host, emit }, { cacheDir, aside: await findAside(host, { cacheDir, repos }) });
  if (damaged.length === 0) {
    await removeOld();
    return [...checkedWords(checked), "There was nothing to repair."];
  }

  await requireSource(view, damaged, signal);
  if (inCache.length > 0) await requireWritable(work, cacheDir);
  await putAside({ host, cacheDir, damaged: inCache });
  if (elsewhere.length > 0) {
    const { removeDamaged } = await import("../../store/ollama/inspect.ts");
    await removeDamaged(host, request.fetching.ollamaDir, elsewhere);
  }
  host.fileLocks.close();
  const hurt = new Set(damaged.flatMap(({ neededBy }) => neededBy));
  const models = view.models.filter(({ id }) => hurt.has(id));
  const { source } = view;
  const token = await givenToken(host, request.fetching);
  const { store } = await openModelDoors(work, { fetching: request.fetching, token, models });
  const survey = await surveyModels({ source, store, models, signal });
  const { fetchedBytes } = await fetchModels(work, request.fetching, { source, store, survey });
  await removeOld();
  const count = countFiles(damaged);
  const files = count === 1 ? "1 file" : `${count} files`;
  return [`Repaired ${files}: ${formatBytes(fetchedBytes)} downloaded and verified.`];
}

async function check(
  work: Work,
  { fetching, models: asked, named }: CheckRequest,
): Promise<{
  view: CacheView & { readonly models: readonly CatalogModel[] };
  checked: Verification;
}> {
  const { host, emit, signal } = work;
  const models = named ? asked : await cachedModels(work, fetching.cacheDir, asked);
  const others = named ? [] : await otherModels(work, fetching);
  const view = await viewCache(work, { fetching, models, others, ask: "unknown" });
  const { survey } = view;
  const inspect = await inspectAll(survey, fetching.ollamaDir);
  const checked = await verifyModels({ host, survey, whole: named, emit, signal, inspect });
  if (checked.uncheckedFiles > 0) {
    emit({
      type: "notice",
      level: "warning",
      code: "models.unchecked",
      message: `${checked.uncheckedFiles} ${checked.uncheckedFiles === 1 ? "file" : "files"} could not be verified: no checksums are known for them.`,
      hint: "Name the models to get the checksums from the Hub: heros models verify MODEL",
    });
  }
  // What can't be judged must not pass for sound; damage that was found says more.
  const problem = survey.models.find((model) => model.problem !== null)?.problem ?? null;
  if (problem !== null && checked.damaged.length === 0) throw problem;
  return { view: { ...view, models: [...models, ...others] }, checked };
}

/** How to look at models wherever they are. */
async function inspectAll(survey: Survey, modelsDir: string): Promise<typeof inspectCache> {
  const ofOllama = itemsOf(survey).filter(({ snapshots: [first] }) => isOf(first, "ollama"));
  if (ofOllama.length === 0) return inspectCache;
  const { inspectOllama } = await import("../../store/ollama/inspect.ts");
  const inCache = itemsOf(survey).filter((item) => !ofOllama.includes(item));
  return async (request) => {
    const found = await Promise.all([
      inspectCache({ ...request, survey: surveyOf(survey, inCache) }),
      inspectOllama({ ...request, survey: surveyOf(survey, ofOllama) }, modelsDir),
    ]);
    return {
      damaged: found.flatMap(({ damaged }) => damaged),
      present: found.flatMap(({ present }) => present),
    };
  };
}

function isOf(snapshot: SurveyedSnapshot | undefined, scheme: RepoScheme): boolean {
  return snapshot !== undefined && schemeOf(snapshot.repo) === scheme;
}

function checkedWords({ files, bytes }: Verification): string[] {
  return files === 0
    ? ["None of these models is in the cache. Download them: heros pull"]
    : [`All files match their checksums: ${formatBytes(bytes)} verified.`];
}

/** Before anything is put aside: can what is damaged be had again, and does it fit? */
async function requireSource(
  { source, survey }: { readonly source: Source; readonly survey: Survey },
  damaged: readonly Damage[],
  signal: AbortSignal,
): Promise<void> {
  const fetched = damaged.filter(
    ({ reason, cached }) => reason !== "link" && (reason !== "missing" || !cached),
  );
  const [first] = fetched;
  if (first === undefined) return;
  if (source.offline)
    throw failure("hub.offline", { missing: `a sound ${first.path} of ${first.repo}` });
  const bytes = fetched.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const { cacheDir: folder, freeBytes } = survey;
  requireSpace([{ disk: 0, folder, what: "models", bytes, freeBytes }]);
  const firsts = new Map(fetched.map((damage) => [damage.repo, damage]));
  for (const { repo, commit, path } of firsts.values()) {
    await source.requireAccess(repo, commit, path, signal);
  }
}
