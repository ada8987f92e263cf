import type { Host } from "../host/host.ts";
import type { PassingTrouble } from "./trouble.ts";
import { troubleOf } from "./trouble.ts";

export interface Attempt {
  readonly trouble: PassingTrouble;
  /** From 1. */
  readonly attempt: number;
  readonly delayMs: number;
}

const firstMs = 500;
const longestMs = 30_000;

/** Exponential backoff with jitter: between half and the whole of 0.5 s, 1 s, 2 s, … 30 s. `attempt` from 1. */
export function backoffMs(attempt: number, random: () => number): number {
  const whole = Math.min(longestMs, firstMs * 2 ** Math.min(20, attempt - 1));
  return Math.round(whole * (0.5 + random() / 2));
}

/**
 * Tries again what passes, a few times, with the server's own wait where it names one.
 * @throws what the last attempt threw; at once what no retry mends, and AbortError
 */
export async function retry<T>(
  {
    host,
    attempts,
    signal,
    onRetry,
  }: {
    host: Pick<Host, "clock" | "random">;
    attempts: number;
    signal: AbortSignal;
    onRetry: ((attempt: Attempt) => void) | undefined;
  },
  task: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await task();
    } catch (error) {
      signal.throwIfAborted();
      const trouble = troubleOf(error);
      if (trouble === null || attempt >= attempts) throw error;
      const delayMs = trouble.waitMs ?? backoffMs(attempt, host.random);
      onRetry?.({ trouble, attempt, delayMs });
      await host.clock.sleep(delayMs, signal);
    }
  }
}
