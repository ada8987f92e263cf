import { downloadRefusals, refusalOf } from "../../checks/detect.ts";
import { placeFailure, shareFailure } from "../../checks/disks.ts";
import { lookAtPlace } from "../../host/places.ts";
import { Failure } from "../../run/failure.ts";
import { isIncomplete, type Store, type Survey } from "../../store/store.ts";
import type { Work } from "../command-request.ts";

/**
 * Whether the models can be kept where a person wants them, judged without touching it. A place that can only be read will do
 * where every model is there.
 * @throws Failure `cache.…`, `disk.…` that says why not; of the Hub (2, 5) where that decides; AbortError
 */
export async function requireUsable(
  { host }: Pick<Work, "host">,
  { store, survey }: { readonly store: Store; readonly survey: () => Promise<Survey> },
): Promise<void> {
  const place = await lookAtPlace(host, store.folder);
  const refused = placeFailure(place, { area: "cache", home: host.home }) ?? shareFailure(place);
  const found = await survey().catch((error: unknown) => {
    // What is wrong with the Hub is said on other pages.
    if (error instanceof Failure && refused === null) return null;
    throw error;
  });
  if (found === null || !isIncomplete(found)) return;
  const needs = await store.neededSpace(found);
  const wanted = { survey: found, needs };
  const [first, ...others] = downloadRefusals({ wanted, place: refused, hub: null });
  if (first !== undefined) throw refusalOf(first, others);
  for (const model of found.models) {
    const obstacle = model.problem === null ? await store.findObstacle(found, model) : null;
    if (obstacle !== null) throw obstacle;
  }
}
