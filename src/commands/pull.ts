import {
  type CatalogModel,
  defaultGroups,
  modelsOfGroups,
  withRequires,
} from "../catalog/catalog.ts";
import { modelsByName } from "../catalog/model-name.ts";
import { parseGroups } from "../plan/questions.ts";
import type { Stack } from "../catalog/stack.ts";
import type { DetachRequest } from "../record/handover.ts";
import { failure } from "../run/failures/table.ts";
import { isModelsPlace, parseModelsPlace } from "../run/repos/models-place.ts";
import { formatBytes } from "../run/units.ts";
import type { Survey } from "../store/store.ts";
import { fetchModels, surveyModels } from "./download-models.ts";
import type { GatheredSettings } from "./gather-settings.ts";
import { type Placed, placeAndMake, requirePlace } from "./models-place.ts";
import { openModelDoors, tellOtherOllama } from "./models/model-doors.ts";
import { givenToken } from "./open-hub.ts";
import type { Fetching, Work } from "./command-request.ts";
import type { StackImages } from "./images/stack-images.ts";

/** Whose images are downloaded with the models. */
interface StackPlace {
  readonly stack: Stack;
  readonly stackDir: string;
  /** Absolute: the folder that ships with heros. */
  readonly assetsDir: string;
}

/**
 * Downloads models, each to where its programs look for it, and the images of a stack, which it gives to Docker where there is an engine. Starts
 * nothing.
 * @param stack null for models alone
 * @returns the sentences of the closing page
 * @throws Failure of the Hub and of registries (2, 4, 5), of the disk (7), of a hash (6); AbortError
 */
export async function pull(
  work: Work,
  fetching: Placed<Fetching>,
  {
    models,
    stack,
  }: { readonly models: readonly CatalogModel[]; readonly stack: StackPlace | null },
): Promise<string[]> {
  const { host, emit, signal } = work;
  const token = await givenToken(host, fetching);
  const { source, store, fallback, folders, endWords } = await openModelDoors(work, {
    fetching,
    token,
    models,
  });

  emit({ type: "stage.started", stage: "download" });
  await tellOtherOllama(work, models);
  const survey = await surveyModels({
    source,
    store,
    models,
    signal,
    fallback,
  });
  const images = stack === null ? null : await findImages(work, fetching, stack);
  await requirePlace(work, images?.addTo(survey) ?? survey);
  const opened = await images?.open(survey);
  const wanted = { source, store, survey };
  try {
    const { fetchedBytes, fetchedImageBytes } = await fetchModels(
      work,
      fetching,
      opened?.addTo(wanted) ?? wanted,
    ).finally(() => opened?.downloadEnded());
    const imageWords = (await images?.finish(opened ?? null, fetchedImageBytes)) ?? [];
    emit({ type: "stage.finished", stage: "download", outcome: "done" });
    return [modelsWords(survey, fetchedBytes, folders), ...endWords, ...imageWords];
  } finally {
    await opened?.close();
  }
}

function modelsWords(
  { totalBytes }: Survey,
  fetchedBytes: number,
  folders: readonly string[],
): string {
  const what = `${formatBytes(totalBytes)} in ${folders.join(" and ")}`;
  return fetchedBytes === 0
    ? `All models are already cached: ${what}.`
    : `Models are ready: ${what} (${formatBytes(fetchedBytes)} downloaded now).`;
}

/** The images of a stack, whether or not it was set up: loaded with what speaks to registries. */
async function findImages(
  work: Work,
  { cacheDir, keepImages, endpoint, mirrors }: Placed<Fetching>,
  { stack, stackDir, assetsDir }: StackPlace,
) {
  const { readStack } = await import("../deploy/compose/read-stack.ts");
  const config = await readStack({ host: work.host, stack, stackDir, assetsDir });
  const { findStackImages, withFoundImages } = await import("./images/find-images.ts");
  const { finishPull, openStackImages } = await import("./images/stack-images.ts");
  const found = await findStackImages(work, {
    ownService: stack.service,
    config,
    cacheDir,
    keep: keepImages,
    endpoints: [endpoint, ...mirrors],
    strict: true,
  });
  return {
    addTo: (survey: Survey) => withFoundImages(survey, found),
    open: (survey: Survey) =>
      openStackImages(work, { stack, found, survey, stackDir, starts: false }),
    finish: (opened: StackImages | null, fetchedBytes: number) =>
      finishPull(work, { found, opened, fetchedBytes }),
  };
}
export interface PullRequest {
  readonly settings: GatheredSettings;
  readonly choice: ModelChoice;
  readonly images: boolean;
  readonly assetsDir: string;
  readonly detach: DetachRequest;
}

/** `heros pull [MODEL…] [--group …] [--all] [--images]` */
export async function performPull(
  work: Work,
  { settings, choice, images, assetsDir, detach }: PullRequest,
): Promise<readonly string[]> {
  // What is wrong with an address is told before anything is done with it.
  for (const name of choice.names.filter(isModelsPlace)) parseModelsPlace(name, work.host);
  const placed = await placeAndMake(work, settings);
  const { tokenFile } = placed;
  const token = tokenFile === null || tokenFile.source === "none" ? null : tokenFile.token;
  detach.continueWith(async () => ({ flags: [], token }));
  const stack = images
    ? { stack: settings.catalog.stack, stackDir: settings.stackDir, assetsDir }
    : null;
  return pull(work, placed, { models: await pulledModels(work, choice, placed), stack });
}

/** As `chosenModels`, and all that the buckets and folders among the names hold. */
async function pulledModels(
  work: Work,
  choice: ModelChoice,
  settings: GatheredSettings,
): Promise<readonly CatalogModel[]> {
  const places = choice.names.filter(isModelsPlace);
  if (places.length === 0) return chosenModels(choice, settings);
  requireOneWay(choice);
  const { modelsOfPlaces } = await import("./models/places.ts");
  const placed = await modelsOfPlaces(work, places);
  const names = choice.names.filter((name) => !isModelsPlace(name));
  const ids = new Set(placed.map(({ id }) => id));
  const others = modelsByName(settings.catalog, names).filter(({ id }) => !ids.has(id));
  return [...others, ...placed];
}

/** Which models are meant. */
export interface ModelChoice {
  /** As `modelsByName` reads them. */
  readonly names: readonly string[];
  readonly all: boolean;
  /** `--group` or `--tiers` was given. */
  readonly groups: boolean;
}

/**
 * The models that names, `--group`, `--tiers` or `--all` mean.
 * @throws Failure `usage.wrong`, `models.unknown`, `groups.unknown` (exit 2)
 */
export function chosenModels(
  choice: ModelChoice,
  { catalog, decided }: GatheredSettings,
): readonly CatalogModel[] {
  requireOneWay(choice);
  const { names, all } = choice;
  if (names.length > 0) return modelsByName(catalog, names);
  if (all) return catalog.models;
  const asked = decided.findLast((layer) => layer.groups !== undefined)?.groups;
  if (asked === undefined) return modelsOfGroups(catalog, defaultGroups(catalog));
  return modelsOfGroups(catalog, withRequires(catalog, parseGroups(asked, catalog)));
}

function requireOneWay({ names, all, groups }: ModelChoice): void {
  if ([names.length > 0, all, groups].filter(Boolean).length <= 1) return;
  const complaint = "Give model names, --group (or --tiers), or --all, but only one of them";
  throw failure("usage.wrong", { complaint });
}
