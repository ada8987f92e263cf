import { budgetFor } from "./bandwidth.ts";
import { createGapFinder } from "./retry.ts";
import type { Transfer } from "./connection.ts";
import { createLink } from "./bandwidth.ts";
import type { RateCap } from "./bandwidth.ts";
import { createBufferPool } from "./buffer-pool.ts";
import { livelyMs, type Outage } from "./retry.ts";
import type { Tuning } from "./tuning.ts";

/** A connection that brings less goes for one that brought nothing: a server may cut each after its first bytes. */
const enoughBytes = 16 * 1024;

/** What all lanes of a download of so many bytes share. Bytes that come end every trouble they were waited for. */
export function createTransfer({
  allBytes,
  tuning,
  rateCap,
  mostLanes,
  outage,
  nowMs,
}: {
  readonly allBytes: number;
  readonly tuning: Tuning;
  readonly rateCap: RateCap | null;
  readonly mostLanes: number;
  readonly outage: Outage;
  readonly nowMs: () => number;
}): Transfer {
  const budget = budgetFor(allBytes, tuning);
  const flow: Transfer = {
    crowdedUntilMs: Number.NEGATIVE_INFINITY,
    tuning,
    rateCap,
    mostLanes,
    budget,
    link: createLink(),
    slabs: createBufferPool(budget.mostWriteBytes),
    writeBytes: budget.mostWriteBytes,
    pendingBytes: 0,
    heldUp: new Set(),
    receivedBytes: 0,
    nowMs,
    gapAt: createGapFinder(tuning.tickMs, nowMs()),
    isServed: ({ lastByteMs }) => lastByteMs !== null && nowMs() - lastByteMs <= livelyMs,
    count(lane, { bytes, newBytes }, atMs) {
      const { task, segment } = lane;
      flow.receivedBytes += bytes;
      lane.receivedBytes += bytes;
      task.fetchedBytes += bytes;
      lane.newBytes += newBytes;
      if (lane.newBytes >= enoughBytes || (segment !== null && segment.at >= segment.end)) {
        task.attempts = 0;
        task.troubleSinceMs = null;
      }
      task.lastByteMs = atMs;
      outage.lastByteMs = atMs;
      outage.attempts = 0;
      // An answer that was under way before says nothing of what is asked now.
      if (outage.sinceMs !== null && lane.startedMs > outage.sinceMs) outage.sinceMs = null;
    },
  };
  return flow;
}
