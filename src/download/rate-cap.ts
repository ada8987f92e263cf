/** Keeps the sum of all lanes under a rate. */
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
