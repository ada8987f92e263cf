import type { Tuning } from "./tuning.ts";

/** What connections learn about the way to the server, to size what they ask for. */
export interface Link {
  /** From the request to the first byte of the answer, at best of late; 0 while too little is known. */
  roundTripMs(): number;
  /** A connection's share of all that came of late; 0 while nothing is known. What one connection alone saw says less: its bytes may have waited for it in the kernel. */
  bytesPerSecondPerConnection(): number;
  noteAnswer(elapsedMs: number): void;
  /** How many bytes came so far, and over how many connections just now. */
  noteBytes(receivedBytes: number, connections: number, nowMs: number): void;
  noteSpeed(bytesPerSecond: number): void;
  /** Of the connections that ended lately. */
  speeds(): readonly number[];
}

const rememberedAnswers = 64;
const rememberedSpeeds = 16;
/** The first answers come while the program itself is still warming up. */
const minAnswers = 8;
const windowMs = 200;

export function createLink(): Link {
  const answers: number[] = [];
  const speeds: number[] = [];
  let window: { bytes: number; sinceMs: number } | null = null;
  let perConnection = 0;
  return {
    roundTripMs: () => (answers.length < minAnswers ? 0 : Math.min(...answers)),
    bytesPerSecondPerConnection: () => perConnection,
    noteBytes(bytes, connections, nowMs) {
      window ??= { bytes, sinceMs: nowMs };
      const elapsedMs = nowMs - window.sinceMs;
      if (elapsedMs < windowMs) return;
      perConnection = ((bytes - window.bytes) / elapsedMs) * (1000 / Math.max(1, connections));
      window = { bytes, sinceMs: nowMs };
    },
    noteAnswer: (elapsedMs) => remember(answers, elapsedMs, rememberedAnswers),
    noteSpeed: (speed) => remember(speeds, speed, rememberedSpeeds),
    speeds: () => speeds,
  };
}

function remember(list: number[], value: number, max: number): void {
  if (list.push(value) > max) list.shift();
}

/** How fast the disk takes what is synced: what it reads at is not known before, and is no less. */
export interface DiskSpeed {
  note(bytes: number, ms: number): void;
  /** Null until enough was synced to tell. */
  bytesPerSecond(): number | null;
}

/** Less says more of the time that a sync takes for itself. */
const enoughSyncedBytes = 16 * 1024 * 1024;

export function createDiskSpeed(): DiskSpeed {
  const synced = { bytes: 0, ms: 0 };
  return {
    note(bytes, ms) {
      synced.bytes += bytes;
      synced.ms += ms;
    },
    bytesPerSecond: () =>
      synced.bytes < enoughSyncedBytes ? null : (synced.bytes * 1000) / Math.max(1, synced.ms),
  };
}

/** How much may be under way at once, so that a kill costs little: what was sent and is not on disk comes again. */
export interface Budget {
  /** Asked for by all connections together and not yet here: the kernel's own buffers may hold all of it. */
  readonly askedBytes: number;
  /** Read, and held until it is worth a write: of all connections, and of one. */
  readonly heldBytes: number;
  readonly minWriteBytes: number;
  readonly maxWriteBytes: number;
  /** Read and not yet written, of all connections. */
  readonly pendingBytes: number;
  /** Written to one file, and not yet in its journal. */
  readonly noteBytes: number;
}

/** Less than a hundredth of all that is fetched for what is asked for, and less again for what is on its way to the disk. */
export function budgetFor(totalBytes: number, tuning: Tuning): Budget {
  const { minWriteBytes, writeBytes, minPendingBytes, pendingBytes } = tuning;
  return {
    askedBytes: totalBytes / 128,
    heldBytes: totalBytes / 512,
    minWriteBytes,
    maxWriteBytes: clamp(totalBytes / 1024, minWriteBytes, writeBytes),
    pendingBytes: clamp(totalBytes / 200, minPendingBytes, pendingBytes),
    noteBytes: totalBytes / 1024,
  };
}

/** When one of so many connections writes what it holds. */
export function writeBytesOf(
  { heldBytes, minWriteBytes, maxWriteBytes }: Budget,
  connections: number,
): number {
  return Math.min(maxWriteBytes, Math.max(minWriteBytes, heldBytes / Math.max(1, connections)));
}

function clamp(value: number, min: number, max: number): number {
  return Math.round(Math.min(max, Math.max(min, value)));
}

/** Keeps the sum of all connections under a rate. */
export interface RateCap {
  /** Counts bytes that came, and says for how many milliseconds nothing more should be read. */
  spend(bytes: number, nowMs: number): number;
}

/** A token bucket that holds a tenth of a second. */
export function createRateCap(bytesPerSecond: number): RateCap {
  const slackMs = 100;
  let paidUntilMs = Number.NEGATIVE_INFINITY;
  return {
    spend(bytes, nowMs) {
      paidUntilMs = Math.max(paidUntilMs, nowMs - slackMs) + (bytes / bytesPerSecond) * 1000;
      return Math.max(0, paidUntilMs - nowMs);
    },
  };
}
