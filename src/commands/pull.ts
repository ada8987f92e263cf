import {
  type CatalogModel,
  completeTiers,
  defaultTiers,
  modelsByName,
  modelsOfTiers,
} from "../catalog/catalog.ts";
import { parseTiers } from "../plan/questions.ts";
import type { DetachRequest } from "../record/handover.ts";
import { failure } from "../run/failures/table.ts";
import { formatBytes } from "../run/units.ts";
import { openHubCache } from "../store/hub-cache/hub-cache.ts";
import { downloadModels, surveyModels } from "./download-models.ts";
import type { GatheredSettings } from "./gather-settings.ts";
import { type Placed, placeModels, requirePlace } from "./models-place.ts";
import { cacheFallback, givenToken, openHub } from "./open-hub.ts";
import type { Fetching, Work } from "./command-request.ts";

/**
 * Downloads models into the Hub cache, and nothing else.
 * @returns the sentences of the closing page
 * @throws Failure of the Hub (2, 5), of the disk (7), of a hash (6); AbortError
 */
export async function pull(
  work: Work,
  fetching: Placed<Fetching>,
  models: readonly CatalogModel[],
): Promise<string[]> {
  const { host, emit, signal, pause } = work;
  const { cacheDir, limitBytesPerSecond, maxConnections } = fetching;
  const token = await givenToken(host, fetching);
  const source = openHub(work, fetching, token);
  const store = openHubCache({ host, cacheDir });

  emit({ type: "stage.started", stage: "download" });
  const survey = await surveyModels({
    source,
    store,
    models,
    signal,
    fallback: cacheFallback(work, fetching, token),
  });
  await requirePlace(work, survey);
  const { fetchedBytes } = await downloadModels({
    host,
    source,
    store,
    survey,
    emit,
    signal,
    limitBytesPerSecond,
    maxConnections,
    pause,
    onPaused: () => host.network.closeIdle(),
  });
  emit({ type: "stage.finished", stage: "download", outcome: "done" });
  return [
    fetchedBytes === 0
      ? `All models are already cached: ${formatBytes(survey.totalBytes)} in ${cacheDir}.`
      : `Models are ready: ${formatBytes(survey.totalBytes)} in ${cacheDir} (${formatBytes(fetchedBytes)} downloaded now).`,
  ];
}

export interface PullRequest {
  readonly settings: GatheredSettings;
  readonly choice: ModelChoice;
  readonly detach: DetachRequest;
}

/** `heros pull [MODEL…] [--tiers …] [--all]` */
export async function performPull(
  work: Work,
  { settings, choice, detach }: PullRequest,
): Promise<readonly string[]> {
  const placed = await placeModels(work, settings);
  const { tokenFile } = placed;
  const token = tokenFile === null || tokenFile.source === "none" ? null : tokenFile.token;
  detach.continueWith(async () => ({ flags: [], token }));
  return pull(work, placed, chosenModels(choice, placed));
}

/** Which models are meant. */
export interface ModelChoice {
  /** Ids of the catalog, or repositories. */
  readonly names: readonly string[];
  readonly all: boolean;
  /** `--tiers` was given. */
  readonly tiers: boolean;
}

/**
 * The models that names, `--tiers` or `--all` mean.
 * @throws Failure `usage.wrong`, `models.unknown`, `tiers.unknown` (exit 2)
 */
export function chosenModels(
  choice: ModelChoice,
  { catalog, decided }: GatheredSettings,
): readonly CatalogModel[] {
  const { names, all, tiers: tiersGiven } = choice;
  if ([names.length > 0, all, tiersGiven].filter(Boolean).length > 1) {
    const complaint = "Give model names, --tiers or --all, but only one of them";
    throw failure("usage.wrong", { complaint });
  }
  if (names.length > 0) return modelsByName(catalog, names);
  if (all) return catalog.models;
  const asked = decided.findLast((layer) => layer.tiers !== undefined)?.tiers;
  if (asked === undefined) return modelsOfTiers(catalog, defaultTiers(catalog));
  const tiers = parseTiers(asked);
  completeTiers(catalog, tiers);
  return modelsOfTiers(catalog, tiers);
}
