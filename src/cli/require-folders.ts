import { lookAtPlace } from "../host/place.ts";
import { placeFailure } from "../machine/judge-disks.ts";
import { late, withinLimit } from "../machine/time-limit.ts";
import type { FilePlace } from "../progress/file-failures.ts";
import type { Work } from "../setup/request.ts";

const limitMs = 4000;

/**
 * Whether these folders can be written to, or made, judged without touching them.
 * @throws Failure `stack.…`, `cache.…`, `disk.…` (exit 1)
 */
export async function requireFolders(
  { host, signal }: Pick<Work, "host" | "signal">,
  places: readonly FilePlace[],
): Promise<void> {
  for (const { folder, area } of places) {
    const place = await withinLimit({ host, signal, limitMs }, () => lookAtPlace(host, folder));
    if (place === late) continue;
    const failure = placeFailure(place, { area, home: host.home });
    if (failure !== null) throw failure;
  }
}
