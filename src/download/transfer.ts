import {
  type Budget,
  budgetFor,
  createLink,
  type DiskSpeed,
  type Link,
  type RateCap,
} from "./bandwidth.ts";
import type { BlobTask } from "./blob-task.ts";
import type { Connection } from "./connection.ts";
import { createGapFinder, livelyMs } from "./handle-transient-error.ts";
import type { Tuning } from "./tuning.ts";

/** What all connections share. */
export interface Transfer {
  /** Till then an address that is refused is taken for good: the server refuses more connections than it serves. */
  crowdedUntilMs: number;
  readonly tuning: Tuning;
  readonly rateCap: RateCap | null;
  readonly maxConnections: number;
  readonly buffers: BufferPool;
  readonly budget: Budget;
  readonly link: Link;
  readonly disk: DiskSpeed;
  /** A connection writes when it holds so much: the more connections, the less each. */
  writeBytes: number;
  /** Received and not yet written. */
  pendingBytes: number;
  /** How connections that stopped reading for that reason go on; called as soon as less is pending. */
  readonly waitingForDisk: Set<() => void>;
  /** By all connections so far. */
  receivedBytes: number;
  nowMs(): number;
  /** How long this program did not run before this tick. */
  gapAt(nowMs: number): number;
  /** Bytes of this file came a moment ago: its address is good, and its server serves us. */
  isServed(task: BlobTask): boolean;
  /** `newBytes` of them are none that came before. */
  count(connection: Connection, came: { bytes: number; newBytes: number }, nowMs: number): void;
}

/** A connection that brings less goes for one that brought nothing: a server may cut each after its first bytes. */
const enoughBytes = 16 * 1024;

/** For a download of so many bytes. Bytes that come end the wait for them. */
export function createTransfer({
  allBytes,
  tuning,
  rateCap,
  maxConnections,
  disk,
  nowMs,
}: {
  readonly allBytes: number;
  readonly tuning: Tuning;
  readonly rateCap: RateCap | null;
  readonly maxConnections: number;
  readonly disk: DiskSpeed;
  readonly nowMs: () => number;
}): Transfer {
  const budget = budgetFor(allBytes, tuning);
  const transfer: Transfer = {
    crowdedUntilMs: Number.NEGATIVE_INFINITY,
    tuning,
    rateCap,
    maxConnections,
    disk,
    budget,
    link: createLink(),
    buffers: createBufferPool(budget.maxWriteBytes),
    writeBytes: budget.maxWriteBytes,
    pendingBytes: 0,
    waitingForDisk: new Set(),
    receivedBytes: 0,
    nowMs,
    gapAt: createGapFinder(tuning.tickMs, nowMs()),
    isServed: ({ lastByteMs }) => lastByteMs !== null && nowMs() - lastByteMs <= livelyMs,
    count(connection, { bytes, newBytes }, atMs) {
      const { task, segment } = connection;
      const { outage } = task;
      transfer.receivedBytes += bytes;
      connection.receivedBytes += bytes;
      task.fetchedBytes += bytes;
      connection.newBytes += newBytes;
      if (connection.newBytes >= enoughBytes || (segment !== null && segment.at >= segment.end)) {
        task.attempts = 0;
        task.failingSinceMs = null;
      }
      task.lastByteMs = atMs;
      outage.lastByteMs = atMs;
      outage.attempts = 0;
      // An answer that was under way before says nothing of what is asked now.
      if (outage.sinceMs !== null && connection.startedMs > outage.sinceMs) outage.sinceMs = null;
    },
  };
  return transfer;
}

/** A buffer that a connection fills from the front while the disk empties it behind. */
export interface PooledBuffer {
  readonly bytes: Buffer;
  /** Another needs it for a while: a write that has begun. */
  hold(): void;
  /** The last to let go gives it back. Who took it holds it. */
  release(): void;
}

/** Buffers of one size that go round. */
export interface BufferPool {
  take(): PooledBuffer;
}

/** Enough for the connections of a fast link; more are let go. */
const maxKept = 64;

export function createBufferPool(sizeBytes: number): BufferPool {
  const free: Buffer[] = [];
  return {
    take() {
      const bytes = free.pop() ?? Buffer.allocUnsafeSlow(sizeBytes);
      let holders = 1;
      return {
        bytes,
        hold: () => void (holders += 1),
        release() {
          holders -= 1;
          if (holders === 0 && free.length < maxKept) free.push(bytes);
        },
      };
    },
  };
}
