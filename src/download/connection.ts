import { TransientError } from "../source/retry-policy.ts";
import type { BlobTask } from "./blob-task.ts";
import type { Segment } from "./segments.ts";

/** One connection that fetches. */
export interface Connection {
  readonly task: BlobTask;
  segment: Segment | null;
  readonly stop: AbortController;
  startedMs: number;
  lastByteMs: number;
  receivedBytes: number;
  /** Without what the file had already. */
  newBytes: number;
  /** By the rate cap. */
  pausedUntilMs: number;
  /** Writes what is held, and reads on where it may. */
  tick(): void;
  /** By our own doing: silence is no fault of the connection then. */
  isPaused(): boolean;
}

/** The connection was stopped because its work is better done elsewhere. No error. */
export class ConnectionReassigned extends Error {
  override readonly name = "ConnectionReassigned";
}

/** This connection is the first to see that the server sends whole files only. */
export class RangesUnsupported extends ConnectionReassigned {
  constructor() {
    super("the server knows no ranges");
  }
}

export function createConnection(task: BlobTask, nowMs: number): Connection {
  return {
    task,
    segment: null,
    stop: new AbortController(),
    startedMs: nowMs,
    lastByteMs: nowMs,
    receivedBytes: 0,
    newBytes: 0,
    pausedUntilMs: 0,
    tick: () => {},
    isPaused: () => false,
  };
}

/** A connection this much slower than the middle one is better replaced. */
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
  /** How many more connections there are than are worth having. */
  readonly spare: number;
  /** When that number last fell: who asked before was one of too many, though those that were served ended since. */
  readonly fewerSinceMs: number;
  /** An answer is due after so long. */
  readonly waitMs: number;
  /** Other connections get bytes of the same file. */
  isServed(task: BlobTask): boolean;
}

/** Others got bytes of its file after it had asked, and are done: who asks now may be served. */
function wasPassedOver({ task, startedMs }: Connection, nowMs: number): boolean {
  const { lastByteMs } = task;
  return lastByteMs !== null && lastByteMs > startedMs && nowMs - lastByteMs > doneMs;
}

/** Bytes a second of a connection that has run for a while; null for one that says nothing yet. */
export function speedOf(connection: Connection, nowMs: number): number | null {
  const ageMs = nowMs - connection.startedMs;
  return connection.receivedBytes === 0 || ageMs <= 0
    ? null
    : (connection.receivedBytes / ageMs) * 1000;
}

/**
 * Cuts connections that went silent, and those far slower than their siblings: their rest goes to another connection.
 * `ended` are the speeds of connections that ended lately, so that the last one of a file is measured too.
 */
export function watchConnections(
  connections: Iterable<Connection>,
  { idleMs, nowMs, ended, spare, fewerSinceMs, waitMs, isServed }: Watched,
): void {
  let left = spare;
  const speeds: { connection: Connection; bytesPerSecond: number }[] = [];
  for (const connection of connections) {
    if (connection.isPaused()) continue;
    const neglected = connection.receivedBytes === 0 && isServed(connection.task);
    const limitMs = neglected ? Math.min(idleMs, Math.max(neglectMs, 3 * waitMs)) : idleMs;
    if (connection.segment !== null && nowMs - connection.lastByteMs > limitMs) {
      const seconds = Math.round(limitMs / 1000);
      const silence = Object.assign(new Error("silence"), { code: "ETIMEDOUT" });
      const error = new TransientError("network", `no byte came for ${seconds} s`, null, silence);
      connection.stop.abort(error);
      continue;
    }
    const ageMs = nowMs - connection.startedMs;
    // A server that lets connections wait while it serves others holds what these could fetch.
    const waits = connection.segment !== null && connection.receivedBytes === 0 && ageMs > waitMs;
    const isSpare = left > 0 || connection.startedMs < fewerSinceMs;
    if (isSpare && waits && isServed(connection.task)) {
      left -= 1;
      connection.stop.abort(new ConnectionReassigned("more than are worth having"));
      continue;
    }
    if (waits && wasPassedOver(connection, nowMs)) {
      connection.stop.abort(new ConnectionReassigned("those that were served are done"));
      continue;
    }
    // Without a byte it is not slow but silent: an answer may take as long as that.
    if (connection.segment === null || connection.receivedBytes === 0 || ageMs < slowAfterMs)
      continue;
    speeds.push({ connection, bytesPerSecond: (connection.receivedBytes / ageMs) * 1000 });
  }
  const known = [...ended, ...speeds.map(({ bytesPerSecond }) => bytesPerSecond)];
  if (known.length < 3) return;
  const sorted = known.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  for (const { connection, bytesPerSecond } of speeds) {
    const { segment, task } = connection;
    if (segment === null || task.whole || bytesPerSecond >= middle * slowShare) continue;
    const seconds = (segment.end - segment.at) / Math.max(1, bytesPerSecond);
    if (seconds > patienceSeconds)
      connection.stop.abort(new ConnectionReassigned("slower than its siblings"));
  }
}
