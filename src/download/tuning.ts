import { patienceMs } from "../source/retry-policy.ts";

/** Numbers that the engine runs on; tests make them small. */
export interface Tuning {
  /** Files up to this size are held in memory until they are whole: no partial, no journal. */
  readonly smallBytes: number;
  readonly minSegmentBytes: number;
  readonly maxSegmentBytes: number;
  /** A segment should keep a connection busy for about this long. */
  readonly segmentSeconds: number;
  /** From a server far away, a segment takes at least so many times as long as its answer was waited for. */
  readonly farRoundTrips: number;
  /** A connection writes when it holds this much, and every tick; less where the whole download is small. */
  readonly minWriteBytes: number;
  readonly writeBytes: number;
  /** All connections together stop reading when so much waits to be written; less where the whole download is small. */
  readonly minPendingBytes: number;
  readonly pendingBytes: number;
  readonly tickMs: number;
  /** Bytes are brought to the disk at least after so many, and so often. */
  readonly syncBytes: number;
  readonly syncMs: number;
  readonly progressMs: number;
  readonly idleMs: number;
  /** Nothing came for so long, whatever was tried: give up. */
  readonly failAfterMs: number;
  /** Answers that do not fit the question are the server's own fault, once they come for so long. */
  readonly badAnswersMs: number;
  readonly firstConnections: number;
  readonly maxConnections: number;
  /** How often a lock that another process holds is asked for. */
  readonly lockRetryMs: number;
  readonly maxHashTries: number;
}

const mebibyte = 1024 * 1024;

export const usualTuning: Tuning = {
  smallBytes: mebibyte / 4,
  minSegmentBytes: mebibyte / 4,
  maxSegmentBytes: 32 * mebibyte,
  segmentSeconds: 3,
  farRoundTrips: 16,
  minWriteBytes: mebibyte / 16,
  writeBytes: mebibyte / 2,
  minPendingBytes: mebibyte,
  pendingBytes: 16 * mebibyte,
  tickMs: 25,
  syncBytes: 64 * mebibyte,
  syncMs: 1000,
  progressMs: 250,
  idleMs: 10_000,
  failAfterMs: patienceMs,
  badAnswersMs: 60_000,
  firstConnections: 4,
  maxConnections: 32,
  lockRetryMs: 1000,
  maxHashTries: 3,
};
