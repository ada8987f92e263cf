import type { BlobTask } from "./blob.ts";
import type { Budget } from "./bandwidth.ts";
import type { Link } from "./bandwidth.ts";
import type { RateCap } from "./bandwidth.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { Segment } from "./segments.ts";
import type { Tuning } from "./tuning.ts";

/** One connection at work. */
export interface Lane {
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

/** What all lanes share. */
export interface Transfer {
  /** Till then an address that is refused is taken for good: the server refuses more connections than it serves. */
  crowdedUntilMs: number;
  readonly tuning: Tuning;
  readonly rateCap: RateCap | null;
  readonly mostLanes: number;
  readonly slabs: BufferPool;
  readonly budget: Budget;
  readonly link: Link;
  /** A lane writes when it holds so much: the more lanes, the less each. */
  writeBytes: number;
  /** Received and not yet written. */
  pendingBytes: number;
  /** How lanes that stopped reading for that reason go on; called as soon as less is pending. */
  readonly heldUp: Set<() => void>;
  /** By all lanes so far. */
  receivedBytes: number;
  nowMs(): number;
  /** How long this program did not run before this tick. */
  gapAt(nowMs: number): number;
  /** Bytes of this file came a moment ago: its address is good, and its server serves us. */
  isServed(task: BlobTask): boolean;
  /** `newBytes` of them are none that came before. */
  count(lane: Lane, came: { bytes: number; newBytes: number }, nowMs: number): void;
}

/** The lane was stopped because its work is better done elsewhere. Not a trouble. */
export class LaneMoved extends Error {
  override readonly name = "LaneMoved";
}

/** This lane is the first to see that the server sends whole files only. */
export class RangesUnknown extends LaneMoved {
  constructor() {
    super("the server knows no ranges");
  }
}

export function createLane(task: BlobTask, nowMs: number): Lane {
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
