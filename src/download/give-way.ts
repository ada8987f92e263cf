import type { BlobTask } from "./blob-task.ts";
import type { Lane } from "./lane.ts";

/** A lane that is done in this time is left to it. */
const patienceSeconds = 1;
/** So much that nobody fetches is worth another lane. */
const bytesPerLane = 4 * 1024 * 1024;

/**
 * Lanes of later tiers that should stop, because a lower tier has work that no lane is free for: something was given back,
 * or proved damaged. Those with the latest tier come first, and not more than the work is worth.
 */
export function lanesInTheWay({
  tasks,
  lanes,
  nowMs,
}: {
  readonly tasks: readonly BlobTask[];
  readonly lanes: Iterable<Lane>;
  readonly nowMs: number;
}): Lane[] {
  const first = tasks.find((task) => freePieces(task, nowMs) > 0);
  if (first === undefined) return [];
  const { tier } = first.blob;
  const pieces = tasks.reduce(
    (sum, task) => sum + (task.blob.tier === tier ? freePieces(task, nowMs) : 0),
    0,
  );
  const later = [...lanes].filter(({ task }) => task.blob.tier > tier);
  const stopping = later.filter(({ stop }) => stop.signal.aborted).length;
  return later
    .filter((lane) => !lane.stop.signal.aborted && secondsLeft(lane, nowMs) > patienceSeconds)
    .toSorted((a, b) => b.task.blob.tier - a.task.blob.tier)
    .slice(0, Math.max(0, pieces - stopping));
}

/** How many lanes could begin something of this file now. */
function freePieces(task: BlobTask, nowMs: number): number {
  if (nowMs < task.notBeforeMs) return 0;
  if (task.state === "waiting") return 1;
  if (task.state !== "fetching" || task.open === null) return 0;
  const { segments } = task.open;
  if (task.whole) return segments.taken.size > 0 ? 0 : 1;
  return Math.ceil(segments.freeBytes() / bytesPerLane);
}

function secondsLeft({ segment, startedMs, receivedBytes }: Lane, nowMs: number): number {
  if (segment === null) return 0;
  const bytesPerMs = receivedBytes / Math.max(1, nowMs - startedMs);
  return (segment.end - segment.at) / bytesPerMs / 1000;
}
