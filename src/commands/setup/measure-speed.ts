import type { CatalogModel } from "../../catalog/catalog.ts";
import type { Host } from "../../host/host.ts";
import { isAbort } from "../../run/failure.ts";
import type { Hub } from "../../source/hub/hub.ts";
import type { Survey } from "../../store/store.ts";

const connections = 4;
const bytesOfEach = 4_000_000;
const longestMs = 1000;

export interface Measurement {
  readonly host: Host;
  readonly hub: Hub;
  readonly survey: Survey;
  /** Those that come from elsewhere say nothing of the Hub; left out, all are the Hub's. */
  readonly models?: readonly Pick<CatalogModel, "parts">[];
  /** All of the download is kept below it; null for no limit. */
  readonly limitBytesPerSecond: number | null;
  readonly signal: AbortSignal;
}

/**
 * Fetches up to 16 MB of the largest missing file for at most a second and throws them away, so that the questions can say how long each choice takes.
 * @returns bytes a second; null where nothing is missing or nothing came
 * @throws AbortError
 */
export async function measureSpeed({
  host,
  hub,
  survey,
  models = [],
  limitBytesPerSecond,
  signal,
}: Measurement): Promise<number | null> {
  const placed = new Set(
    models.flatMap(({ parts }) =>
      parts.flatMap(({ repo, from }) => (from === undefined ? [] : repo)),
    ),
  );
  const [largest] = survey.blobs
    .filter(({ cached, repo }) => !cached && !placed.has(repo))
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes);
  if (largest === undefined) return null;
  const limitRate = limitBytesPerSecond ?? Number.POSITIVE_INFINITY;
  const mostOfEach = Math.min(bytesOfEach, (limitRate * longestMs) / 1000 / connections);
  const size = Math.floor(Math.min(mostOfEach, largest.sizeBytes / connections));
  if (size < 1000) return null;
  const limit = AbortSignal.timeout(longestMs);
  const startedAtMs = host.clock.monotonicMs();
  let received = 0;
  const fetchRange = async (start: number) => {
    try {
      const { response } = await hub.open({
        ...largest,
        range: { start, end: start + size },
        address: null,
        idleTimeoutMs: longestMs,
        signal: AbortSignal.any([signal, limit]),
      });
      const { body } = response;
      body.on("data", (bytes) => void (received += bytes.length));
      await new Promise<void>((resolve, reject) => {
        body.once("close", resolve);
        body.once("error", reject);
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!limit.aborted && !isAbort(error)) return;
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, index) => fetchRange(index * size)));
  const seconds = (host.clock.monotonicMs() - startedAtMs) / 1000;
  return received < Math.min(100_000, size) ? null : Math.min(limitRate, received / seconds);
}
