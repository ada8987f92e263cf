import type { Budget, Link } from "./bandwidth.ts";
import type { Connection } from "./connection.ts";
import { maxOfOneConnection } from "./handle-transient-error.ts";
import type { Segment } from "./segments.ts";
import type { Tuning } from "./tuning.ts";
import { Failure } from "../run/failure.ts";
import type { Source } from "../source/source.ts";
import type { BlobTask, Outage } from "./blob-task.ts";

export interface Work {
  readonly task: BlobTask;
  /** Null where the file must be opened first, or comes as one small piece. */
  readonly segment: Segment | null;
}

interface Choice {
  /** By priority, then model by model. */
  readonly tasks: readonly BlobTask[];
  readonly connections: ReadonlySet<Connection>;
  /** Their files are passed over. */
  readonly closed: ReadonlySet<Outage>;
  /** How many connections there may be. */
  readonly width: number;
  readonly nowMs: number;
  readonly link: Link;
  readonly budget: Budget;
  readonly tuning: Tuning;
  readonly wantedAt?: WantedAt | undefined;
}

/** The byte of a content that somebody waits for; null where it does not matter which comes first. */
export type WantedAt = (blob: BlobTask["blob"]) => number | null;

/** A server nearer than this answers one connection while the others keep us busy. */
const farMs = 8;
/** More connections than these are only kept where the network holds each back: all together they may ask for twice as much. */
const maxFilling = 8;
/** Also at the end of a file, what a connection fetches from far away takes longer than its answer was waited for. */
const minRoundTrips = 2;
/** Of a connection to a server far away, until it is known. */
const assumedBytesPerSecond = 20_000_000;
/** Shorter pieces are not worth a request of their own. */
const minSplitBytes = 1024 * 1024;
/** A rest that its connection brings in this time is left to it. */
const splitAfterSeconds = 2;

/**
 * What an idle connection should do next: the first file of the lowest priority number that has anything free. Where those have nothing
 * free but pieces that still take long, the longest is split before a later one gets a connection. While one of them is being
 * opened, nobody knows yet what of it is free: a connection waits for that rather than go to a later one.
 */
export function chooseWork(choice: Choice): Work | null {
  const { tasks, closed, nowMs, tuning } = choice;
  let priority: number | null = null;
  let opening = false;
  for (const task of tasks) {
    if (closed.has(task.outage)) continue;
    if (priority !== null && task.blob.priority !== priority) {
      if (opening) return null;
      const split = splitLongest(choice, priority);
      if (split !== null) return split;
    }
    priority = task.blob.priority;
    opening ||= task.state === "opening" && !task.small;
    if (nowMs < task.notBeforeMs) continue;
    if (task.state === "waiting") return { task, segment: null };
    if (task.state !== "fetching" || task.open === null) continue;
    const { segments } = task.open;
    if (isForOneConnection(task) && segments.taken.size > 0) continue;
    const bytes = task.whole ? task.blob.sizeBytes : segmentBytes(choice, segments.freeBytes());
    const wantedAt = choice.wantedAt?.(task.blob) ?? undefined;
    const segment = segments.take(Math.max(bytes, tuning.minSegmentBytes), wantedAt);
    if (segment !== null) return { task, segment };
  }
  return priority === null ? null : splitLongest(choice, priority);
}

/** Its server knows no ranges, or answers nobody: then one connection looks whether it does again. */
function isForOneConnection(task: BlobTask): boolean {
  return task.whole || task.attempts >= maxOfOneConnection;
}

/**
 * Not more than the budget allows, for a kill may cost all of it; but on a long link long enough that waiting for answers
 * does not count: there the connections' bytes are read as they come, and little of them is under way. Never so long that
 * connections do not end together.
 */
function segmentBytes({ width, link, budget, tuning }: Choice, freeBytes: number): number {
  const roundTripMs = link.roundTripMs();
  const far = roundTripMs >= farMs;
  const speed = link.bytesPerSecondPerConnection() || (far ? assumedBytesPerSecond : 0);
  const waitedBytes = far ? (speed * roundTripMs) / 1000 : 0;
  const shares = width > maxFilling ? width / 2 : width;
  const bytes = Math.max(budget.askedBytes / shares, waitedBytes * tuning.farRoundTrips);
  const busyFor = speed === 0 ? tuning.maxSegmentBytes : speed * tuning.segmentSeconds;
  const wanted = Math.min(bytes, busyFor, freeBytes / width, tuning.maxSegmentBytes);
  return Math.ceil(Math.max(wanted, waitedBytes * minRoundTrips, tuning.minSegmentBytes));
}

function splitLongest({ connections, closed, nowMs }: Choice, priority: number): Work | null {
  let longest: { connection: Connection; segment: Segment; seconds: number } | null = null;
  for (const connection of connections) {
    const { segment, task } = connection;
    if (segment === null || task.blob.priority !== priority || task.open === null) continue;
    if (isForOneConnection(task) || closed.has(task.outage)) continue;
    if (nowMs < task.notBeforeMs) continue;
    const speed = connection.receivedBytes / Math.max(0.001, (nowMs - connection.startedMs) / 1000);
    const seconds = (segment.end - segment.at) / Math.max(1, speed);
    const young = nowMs - connection.startedMs < 1000;
    if (young || seconds < splitAfterSeconds || seconds < (longest?.seconds ?? 0)) continue;
    longest = { connection, segment, seconds };
  }
  if (longest === null) return null;
  const { task } = longest.connection;
  const half = task.open?.segments.split(longest.segment, minSplitBytes) ?? null;
  return half === null ? null : { task, segment: half };
}

/** A connection that is done in this time is left to it. */
const patienceSeconds = 1;
/** So much that nobody fetches is worth another connection. */
const bytesPerConnection = 4 * 1024 * 1024;

/**
 * Connections of later priorities that should stop, because an earlier one has work that no connection is free for: something was given back,
 * or proved damaged. The latest come first, and not more than the work is worth.
 */
export function connectionsToPreempt({
  tasks: all,
  connections,
  closed,
  nowMs,
}: {
  readonly tasks: readonly BlobTask[];
  readonly connections: Iterable<Connection>;
  readonly closed: ReadonlySet<Outage>;
  readonly nowMs: number;
}): Connection[] {
  const tasks = all.filter(({ outage }) => !closed.has(outage));
  const first = tasks.find((task) => freePieces(task, nowMs) > 0);
  if (first === undefined) return [];
  const { priority } = first.blob;
  const pieces = tasks.reduce(
    (sum, task) => sum + (task.blob.priority === priority ? freePieces(task, nowMs) : 0),
    0,
  );
  const later = [...connections].filter(({ task }) => task.blob.priority > priority);
  const stopping = later.filter(({ stop }) => stop.signal.aborted).length;
  return later
    .filter(
      (connection) =>
        !connection.stop.signal.aborted && secondsLeft(connection, nowMs) > patienceSeconds,
    )
    .toSorted((a, b) => b.task.blob.priority - a.task.blob.priority)
    .slice(0, Math.max(0, pieces - stopping));
}

/** How many connections could begin something of this file now. */
function freePieces(task: BlobTask, nowMs: number): number {
  if (nowMs < task.notBeforeMs) return 0;
  if (task.state === "waiting") return 1;
  if (task.state !== "fetching" || task.open === null) return 0;
  const { segments } = task.open;
  if (task.whole) return segments.taken.size > 0 ? 0 : 1;
  return Math.ceil(segments.freeBytes() / bytesPerConnection);
}

function secondsLeft({ segment, startedMs, receivedBytes }: Connection, nowMs: number): number {
  if (segment === null) return 0;
  const bytesPerMs = receivedBytes / Math.max(1, nowMs - startedMs);
  return (segment.end - segment.at) / bytesPerMs / 1000;
}

/** Files that failed for good, and which others are still worth fetching. */
export interface FailedFiles {
  /** What the pool ends with; null while nothing failed. */
  first(): Failure | null;
  add(task: BlobTask, failure: Failure): void;
  /** Whether some model that can still become whole needs the file, and its priority is not later than a failed one. */
  isWorthFetching(task: BlobTask): boolean;
}

/**
 * A model fails alone: files of its own priority and of earlier ones go on to their end. Those of later ones are left for the
 * next run, so that a person learns soon what has to be fixed.
 */
export function createFailedFiles(): FailedFiles {
  const items = new Set<string>();
  let first: Failure | null = null;
  let priority = Number.POSITIVE_INFINITY;
  return {
    first: () => first,
    add({ blob }, failure) {
      first ??= failure;
      priority = Math.min(priority, blob.priority);
      for (const id of blob.neededBy) items.add(id);
    },
    isWorthFetching: ({ blob }) =>
      blob.priority <= priority && blob.neededBy.some((id) => !items.has(id)),
  };
}

/** Whether an error is that of one file. Others stop everything: a full disk, a cache that can't be written to, a network that is gone, a bug. */
export function isOfOneFile(
  error: unknown,
  {
    source,
    repo,
    networkIsGone,
  }: { source: Pick<Source, "scopeOf">; repo: string; networkIsGone: boolean },
): error is Failure {
  if (!(error instanceof Failure) || /^(?:disk|cache)\./u.test(error.code)) return false;
  const scope = source.scopeOf(error, repo);
  return scope === "file" || (scope === "network" && !networkIsGone);
}
