import type { CatalogModel } from "../catalog/catalog.ts";
import { completeTiers, defaultTiers, modelsByName, modelsOfTiers } from "../catalog/select.ts";
import { type GatheredSettings, gatherSettings } from "../cli/gather-settings.ts";
import { usageFailure } from "../cli/options.ts";
import type { PullCommand } from "../cli/program.ts";
import { downloadModels } from "../download/download.ts";
import { surveyModels } from "../download/survey.ts";
import { parseTiers } from "../plan/questions.ts";
import type { DetachRequest } from "../record/handover.ts";
import { formatBytes } from "../run/units.ts";
import { type Placed, placeModels } from "./models-place.ts";
import { cacheFallback, openHub } from "./open-hub.ts";
import type { Fetching, Work } from "./request.ts";
import { requirePlace } from "./require-place.ts";
import { givenToken } from "./tokens.ts";

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
  const { cacheDir, limitBytesPerSecond, maxLanes } = fetching;
  const token = await givenToken(host, fetching);
  const hub = openHub(work, fetching, token);

  emit({ type: "stage.started", stage: "download" });
  const survey = await surveyModels({
    host,
    hub,
    cacheDir,
    models,
    signal,
    fallback: cacheFallback(work, fetching, token),
  });
  await requirePlace(work, survey);
  const { fetchedBytes } = await downloadModels({
    host,
    hub,
    survey,
    emit,
    signal,
    limitBytesPerSecond,
    maxLanes,
    pause,
    onPaused: () => host.network.closeIdle(),
  });
  emit({ type: "stage.finished", stage: "download", outcome: "done" });
  return [
    fetchedBytes === 0
      ? `Everything was there already: ${formatBytes(survey.totalBytes)} in ${cacheDir}.`
      : `${formatBytes(survey.totalBytes)} of models are in ${cacheDir}; ${formatBytes(fetchedBytes)} downloaded.`,
  ];
}

/** `heros pull [MODEL…] [--tiers …] [--all]` */
export async function performPull(
  work: Work,
  command: PullCommand,
  detach: DetachRequest,
): Promise<readonly string[]> {
  const settings = await placeModels(work, await gatherSettings(work.host, command));
  const { tokenFile } = settings;
  const token = tokenFile === null || tokenFile.source === "none" ? null : tokenFile.token;
  detach.continueWith(async () => ({ flags: [], token }));
  return pull(work, settings, chosenModels(command, settings));
}

/**
 * The models that names, `--tiers` or `--all` mean.
 * @throws Failure `usage.wrong`, `models.unknown`, `tiers.unknown` (exit 2)
 */
export function chosenModels(
  command: Pick<PullCommand, "models" | "all" | "questionFlags">,
  { catalog, decided }: GatheredSettings,
): readonly CatalogModel[] {
  const { models, all, questionFlags } = command;
  if ([models.length > 0, all, questionFlags.tiers !== undefined].filter(Boolean).length > 1) {
    throw usageFailure("Name models, or give --tiers, or --all: only one of them");
  }
  if (models.length > 0) return modelsByName(catalog, models);
  if (all) return catalog.models;
  const asked = decided.findLast((layer) => layer.tiers !== undefined)?.tiers;
  if (asked === undefined) return modelsOfTiers(catalog, defaultTiers(catalog));
  const tiers = parseTiers(asked);
  completeTiers(catalog, tiers);
  return modelsOfTiers(catalog, tiers);
}
