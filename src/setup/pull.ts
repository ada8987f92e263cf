import type { CatalogModel } from "../catalog/catalog.ts";
import { cacheFallback } from "./cache-fallback.ts";
import { closeAtRest } from "./close-at-rest.ts";
import { downloadModels } from "../download/download.ts";
import { surveyModels } from "../download/survey.ts";
import { formatBytes } from "../progress/units.ts";
import type { Placed } from "./models-place.ts";
import { openHub } from "./open-hub.ts";
import { requirePlace } from "./require-place.ts";
import type { Fetching, Work } from "./request.ts";
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
  const { host, signal, pause } = work;
  const emit = closeAtRest(work);
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
  });
  emit({ type: "stage.finished", stage: "download", outcome: "done" });
  return [
    fetchedBytes === 0
      ? `Everything was there already: ${formatBytes(survey.totalBytes)} in ${cacheDir}.`
      : `${formatBytes(survey.totalBytes)} of models are in ${cacheDir}; ${formatBytes(fetchedBytes)} downloaded.`,
  ];
}
