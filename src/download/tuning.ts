import { patienceMs } from "../source/retry.ts";

/** Numbers that the engine runs on; tests make them small. */
export interface Tuning {
  /** Files up to this size are held in memory until they are whole: no partial, no journal. */
  readonly smallBytes: number;
  readonly leastSegmentBytes: number;
  readonly mostSegmentBytes: number;
  /** A segment should keep a lane busy for about this long. */
  readonly segmentSeconds: number;
  /** From a server far away, a segment takes at least so many times as long as its answer was waited for. */
  readonly farRoundTrips: number;
  /** A lane writes when it holds this much, and every tick; less where the whole download is small. */
  readonly leastWriteBytes: number;
  readonly writeBytes: number;
  /** All lanes together stop reading when so much waits to be written; less where the whole download is small. */
  readonly leastPendingBytes: number;
  readonly pendingBytes: number;
  readonly tickMs: number;
  /** Bytes are brought to the disk at least after so many, and so often. */
  readonly syncBytes: number;
  readonly syncMs: number;
  readonly progressMs: number;
  readonly idleMs: number;
  /** Nothing came for so long, whatever was tried: give up. */
  readonly giveUpMs: number;
  /** Answers that do not fit the question are the server's own fault, once they come for so long. */
  readonly badAnswersMs: number;
  readonly firstLanes: number;
  readonly mostLanes: number;
  /** How often a lock that another process holds is asked for. */
  readonly lockRetryMs: number;
  readonly mostHashTries: number;
}

const mebibyte = 1024 * 1024;

export const usualTuning: Tuning = {
  smallBytes: mebibyte / 4,
  leastSegmentBytes: mebibyte / 4,
  mostSegmentBytes: 32 * mebibyte,
  segmentSeconds: 3,
  farRoundTrips: 16,
  leastWriteBytes: mebibyte / 16,
  writeBytes: mebibyte / 2,
  leastPendingBytes: mebibyte,
  pendingBytes: 16 * mebibyte,
  tickMs: 25,
  syncBytes: 64 * mebibyte,
  syncMs: 1000,
  progressMs: 250,
  idleMs: 10_000,
  giveUpMs: patienceMs,
  badAnswersMs: 60_000,
  firstLanes: 4,
  mostLanes: 32,
  lockRetryMs: 1000,
  mostHashTries: 3,
};
