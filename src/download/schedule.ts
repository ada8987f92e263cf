import { Failure } from "../run/failure.ts";
import type { Budget, Link } from "./bandwidth.ts";
import type { BlobTask } from "./blob.ts";
import type { Lane } from "./connection.ts";
import { maxOfOneConnection } from "./retry.ts";
import type { Segment } from "./segments.ts";
import type { Tuning } from "./tuning.ts";

export interface Work {
  readonly task: BlobTask;
  /** Null where the file must be opened first, or comes as one small piece. */
  readonly segment: Segment | null;
}

interface Choice {
  /** By priority, then model by model. */
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
 * What an idle lane should do next: the first file of the lowest priority number that has anything free. Where those have nothing
 * free but pieces that still take long, the longest is split before a later one gets a lane.
 */
export function chooseWork(choice: Choice): Work | null {
  const { tasks, nowMs, tuning } = choice;
  let priority: number | null = null;
  for (const task of tasks) {
    if (priority !== null && task.blob.priority !== priority) {
      const split = splitLongest(choice, priority);
      if (split !== null) return split;
    }
    priority = task.blob.priority;
    if (nowMs < task.notBeforeMs) continue;
    if (task.state === "waiting") return { task, segment: null };
    if (task.state !== "fetching" || task.open === null) continue;
    const { segments } = task.open;
    if (isForOneLane(task) && segments.taken.size > 0) continue;
    const bytes = task.whole ? task.blob.sizeBytes : segmentBytes(choice, segments.freeBytes());
    const segment = segments.take(Math.max(bytes, tuning.leastSegmentBytes));
    if (segment !== null) return { task, segment };
  }
  return priority === null ? null : splitLongest(choice, priority);
}

/** Its server knows no ranges, or answers nobody: then one lane looks whether it does again. */
function isForOneLane(task: BlobTask): boolean {
  return task.whole || task.attempts >= maxOfOneConnection;
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

function splitLongest({ lanes, nowMs }: Choice, priority: number): Work | null {
  let longest: { lane: Lane; segment: Segment; seconds: number } | null = null;
  for (const lane of lanes) {
    const { segment, task } = lane;
    if (segment === null || task.blob.priority !== priority || task.open === null) continue;
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

/** A lane that is done in this time is left to it. */
const patienceSeconds = 1;
/** So much that nobody fetches is worth another lane. */
const bytesPerLane = 4 * 1024 * 1024;

/**
 * Lanes of later priorities that should stop, because an earlier one has work that no lane is free for: something was given back,
 * or proved damaged. The latest come first, and not more than the work is worth.
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
  const { priority } = first.blob;
  const pieces = tasks.reduce(
    (sum, task) => sum + (task.blob.priority === priority ? freePieces(task, nowMs) : 0),
    0,
  );
  const later = [...lanes].filter(({ task }) => task.blob.priority > priority);
  const stopping = later.filter(({ stop }) => stop.signal.aborted).length;
  return later
    .filter((lane) => !lane.stop.signal.aborted && secondsLeft(lane, nowMs) > patienceSeconds)
    .toSorted((a, b) => b.task.blob.priority - a.task.blob.priority)
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

/** Codes of failures that every file would end with. */
const ofAll = ["hub.tls", "hub.proxy", "hub.token_refused"];
/** Codes of a network that was waited for in vain: of one file's server, or of all. */
const ofNetwork = ["hub.unreachable", "hub.rate_limited", "hub.server_error"];

/** Files that failed for good, and which others are still worth fetching. */
export interface GivenUp {
  /** What the pool ends with; null while nothing failed. */
  first(): Failure | null;
  add(task: BlobTask, failure: Failure): void;
  /** Whether some model that can still become whole needs the file, and its priority is not later than a failed one. */
  isWorthFetching(task: BlobTask): boolean;
}

/**
 * A model fails alone: files of its own priority and of earlier ones go on to their end. Those of later ones are left for the
 * next run, so that a person learns soon what has to be mended.
 */
export function createGivenUp(): GivenUp {
  const models = new Set<string>();
  let first: Failure | null = null;
  let priority = Number.POSITIVE_INFINITY;
  return {
    first: () => first,
    add({ blob }, failure) {
      first ??= failure;
      priority = Math.min(priority, blob.priority);
      for (const id of blob.models) models.add(id);
    },
    isWorthFetching: ({ blob }) =>
      blob.priority <= priority && blob.models.some((id) => !models.has(id)),
  };
}

/** Whether an error is that of one file. Others stop everything: a full disk, a cache that can't be written to, a network that is gone, a bug. */
export function isOfOneFile(error: unknown, networkIsGone: boolean): error is Failure {
  if (!(error instanceof Failure)) return false;
  if (/^(?:disk|cache)\./u.test(error.code) || ofAll.includes(error.code)) return false;
  return !(networkIsGone && ofNetwork.includes(error.code));
}
