import { TransientError } from "../source/transient-error.ts";
import type { BlobTask } from "./blob.ts";
import { type Lane, LaneMoved } from "./connection.ts";

/** A lane this much slower than the middle one is better replaced. */
const slowShare = 1 / 8;
const slowAfterMs = 5000;
/** A rest that comes in this time is waited for. */
const patienceSeconds = 3;
/** One that never had a byte while others of its file have is waited for so long at least. */
const neglectMs = 5000;
/** So long after the last byte of its siblings, one that was passed over asks again. */
const doneMs = 3000;

interface Watched {
  readonly idleMs: number;
  readonly nowMs: number;
  readonly ended: readonly number[];
  /** How many more lanes there are than are worth having. */
  readonly spare: number;
  /** When that number last fell: who asked before was one of too many, though those that were served ended since. */
  readonly fewerSinceMs: number;
  /** An answer is due after so long. */
  readonly waitMs: number;
  /** Other lanes get bytes of the same file. */
  isServed(task: BlobTask): boolean;
}

/** Others got bytes of its file after it had asked, and are done: who asks now may be served. */
function wasPassedOver({ task, startedMs }: Lane, nowMs: number): boolean {
  const { lastByteMs } = task;
  return lastByteMs !== null && lastByteMs > startedMs && nowMs - lastByteMs > doneMs;
}

/** Bytes a second of a lane that has run for a while; null for one that says nothing yet. */
export function speedOf(lane: Lane, nowMs: number): number | null {
  const ageMs = nowMs - lane.startedMs;
  return lane.receivedBytes === 0 || ageMs <= 0 ? null : (lane.receivedBytes / ageMs) * 1000;
}

/**
 * Cuts connections that went silent, and those far slower than their siblings: their rest goes to another lane.
 * `ended` are the speeds of lanes that ended lately, so that the last one of a file is measured too.
 */
export function watchLanes(
  lanes: Iterable<Lane>,
  { idleMs, nowMs, ended, spare, fewerSinceMs, waitMs, isServed }: Watched,
): void {
  let left = spare;
  const speeds: { lane: Lane; bytesPerSecond: number }[] = [];
  for (const lane of lanes) {
    if (lane.isPaused()) continue;
    const neglected = lane.receivedBytes === 0 && isServed(lane.task);
    const limitMs = neglected ? Math.min(idleMs, Math.max(neglectMs, 3 * waitMs)) : idleMs;
    if (lane.segment !== null && nowMs - lane.lastByteMs > limitMs) {
      const seconds = Math.round(limitMs / 1000);
      const silence = Object.assign(new Error("silence"), { code: "ETIMEDOUT" });
      const trouble = new TransientError("network", `no byte came for ${seconds} s`, null, silence);
      lane.stop.abort(trouble);
      continue;
    }
    const ageMs = nowMs - lane.startedMs;
    // A server that lets connections wait while it serves others holds what these could fetch.
    const waits = lane.segment !== null && lane.receivedBytes === 0 && ageMs > waitMs;
    const isSpare = left > 0 || lane.startedMs < fewerSinceMs;
    if (isSpare && waits && isServed(lane.task)) {
      left -= 1;
      lane.stop.abort(new LaneMoved("more than are worth having"));
      continue;
    }
    if (waits && wasPassedOver(lane, nowMs)) {
      lane.stop.abort(new LaneMoved("those that were served are done"));
      continue;
    }
    // Without a byte it is not slow but silent: an answer may take as long as that.
    if (lane.segment === null || lane.receivedBytes === 0 || ageMs < slowAfterMs) continue;
    speeds.push({ lane, bytesPerSecond: (lane.receivedBytes / ageMs) * 1000 });
  }
  const known = [...ended, ...speeds.map(({ bytesPerSecond }) => bytesPerSecond)];
  if (known.length < 3) return;
  const sorted = known.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  for (const { lane, bytesPerSecond } of speeds) {
    const { segment, task } = lane;
    if (segment === null || task.whole || bytesPerSecond >= middle * slowShare) continue;
    const seconds = (segment.end - segment.at) / Math.max(1, bytesPerSecond);
    if (seconds > patienceSeconds) lane.stop.abort(new LaneMoved("slower than its siblings"));
  }
}
