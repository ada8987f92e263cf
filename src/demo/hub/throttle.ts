import { setTimeout as sleep } from "node:timers/promises";

/** How slow the Hub is. Left out: as fast as the machine. */
export interface Throttle {
  readonly bytesPerSecond?: number;
  readonly bytesPerSecondPerConnection?: number;
  /** Before each answer. */
  readonly latencyMs?: number;
}

/** Lets so many bytes a second pass, in the order in which they were asked for. */
export interface Gate {
  readonly bytesPerSecond: number;
  /** Ends when these bytes may pass. @throws AbortError */
  pass(bytes: number, signal: AbortSignal): Promise<void>;
}

/** Timers come late: what was lost to them in this time is made up for. */
const slackMs = 50;

export function createGate(bytesPerSecond: number): Gate {
  let freeAtMs = performance.now();
  return {
    bytesPerSecond,
    async pass(bytes, signal) {
      const nowMs = performance.now();
      freeAtMs = Math.max(freeAtMs, nowMs - slackMs) + (bytes / bytesPerSecond) * 1000;
      const waitMs = freeAtMs - nowMs;
      if (waitMs >= 1) await sleep(waitMs, undefined, { signal });
    },
  };
}
