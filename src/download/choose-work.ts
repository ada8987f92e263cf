import type { BlobTask } from "./blob-task.ts";
import type { Budget } from "./budget.ts";
import type { Lane } from "./lane.ts";
import type { Link } from "./link.ts";
import type { Segment } from "./segments.ts";
import { mostOfOneLane } from "./trouble.ts";
import type { Tuning } from "./tuning.ts";

export interface Work {
  readonly task: BlobTask;
  /** Null where the file must be opened first, or comes as one small piece. */
  readonly segment: Segment | null;
}

interface Choice {
  /** By tier, then model by model. */
  readonly tasks: readonly BlobTask[];
  readonly lanes: ReadonlySet<Lane>;
  /** How many lanes there may be. */
  readonly width: number;
  readonly nowMs: number;
  readonly link: Link;
  readonly budget: Budget;
  readonly tuning: Tuning;
}

/** A server nearer than this answers one lane while the others keep us busy. */
const farMs = 8;
/** More lanes than these are only kept where the network holds each back: all together they may ask for twice as much. */
const mostFilling = 8;
/** Also at the end of a file, what a lane fetches from far away takes longer than its answer was waited for. */
const leastRoundTrips = 2;
/** Of a lane to a server far away, until it is known. */
const assumedBytesPerSecond = 20_000_000;
/** Shorter pieces are not worth a request of their own. */
const leastSplitBytes = 1024 * 1024;
/** A rest that its lane brings in this time is left to it. */
const splitAfterSeconds = 2;

/**
 * What an idle lane should do next: the first file of the lowest tier that has anything free. Where a tier has nothing
 * free but pieces that still take long, the longest is split before a higher tier gets a lane.
 */
export function chooseWork(choice: Choice): Work | null {
  const { tasks, nowMs, tuning } = choice;
  let tier: number | null = null;
  for (const task of tasks) {
    if (tier !== null && task.blob.tier !== tier) {
      const split = splitLongest(choice, tier);
      if (split !== null) return split;
    }
    tier = task.blob.tier;
    if (nowMs < task.notBeforeMs) continue;
    if (task.state === "waiting") return { task, segment: null };
    if (task.state !== "fetching" || task.open === null) continue;
    const { segments } = task.open;
    if (isForOneLane(task) && segments.taken.size > 0) continue;
    const bytes = task.whole ? task.blob.sizeBytes : segmentBytes(choice, segments.freeBytes());
    const segment = segments.take(Math.max(bytes, tuning.leastSegmentBytes));
    if (segment !== null) return { task, segment };
  }
  return tier === null ? null : splitLongest(choice, tier);
}

/** Its server knows no ranges, or answers nobody: then one lane looks whether it does again. */
function isForOneLane(task: BlobTask): boolean {
  return task.whole || task.attempts >= mostOfOneLane;
}

/**
 * Not more than the budget allows, for a kill may cost all of it; but on a long link long enough that waiting for answers
 * does not count: there the lanes' bytes are read as they come, and little of them is under way. Never so long that
 * lanes do not end together.
 */
function segmentBytes({ width, link, budget, tuning }: Choice, freeBytes: number): number {
  const roundTripMs = link.roundTripMs();
  const far = roundTripMs >= farMs;
  const speed = link.bytesPerSecondPerLane() || (far ? assumedBytesPerSecond : 0);
  const waitedBytes = far ? (speed * roundTripMs) / 1000 : 0;
  const shares = width > mostFilling ? width / 2 : width;
  const bytes = Math.max(budget.askedBytes / shares, waitedBytes * tuning.farRoundTrips);
  const busyFor = speed === 0 ? tuning.mostSegmentBytes : speed * tuning.segmentSeconds;
  const wanted = Math.min(bytes, busyFor, freeBytes / width, tuning.mostSegmentBytes);
  return Math.ceil(Math.max(wanted, waitedBytes * leastRoundTrips, tuning.leastSegmentBytes));
}

function splitLongest({ lanes, nowMs }: Choice, tier: number): Work | null {
  let longest: { lane: Lane; segment: Segment; seconds: number } | null = null;
  for (const lane of lanes) {
    const { segment, task } = lane;
    if (segment === null || task.blob.tier !== tier || task.open === null) continue;
    if (isForOneLane(task)) continue;
    if (nowMs < task.notBeforeMs) continue;
    const speed = lane.receivedBytes / Math.max(0.001, (nowMs - lane.startedMs) / 1000);
    const seconds = (segment.end - segment.at) / Math.max(1, speed);
    const young = nowMs - lane.startedMs < 1000;
    if (young || seconds < splitAfterSeconds || seconds < (longest?.seconds ?? 0)) continue;
    longest = { lane, segment, seconds };
  }
  if (longest === null) return null;
  const { task } = longest.lane;
  const half = task.open?.segments.split(longest.segment, leastSplitBytes) ?? null;
  return half === null ? null : { task, segment: half };
}
