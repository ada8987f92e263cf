import type { Host } from "../host/host.ts";
import { isSilence, type TransientError, transientErrorOf } from "./transient-error.ts";

/** How long heros waits for a network in all, before the first byte and after it. */
export const patienceMs = 10 * 60_000;

const firstMs = 500;
/** A network that is back should not be waited for; a server that is asked for less is left alone for longer. */
const maxDelayMs = { probe: 5000, polite: 30_000 };

/**
 * Before the next attempt, from 1: exponential backoff with jitter, between half and the whole of 0.5 s, 1 s, 2 s, … 5 s,
 * or 30 s where the server asked for fewer requests. What the server itself asks for counts first.
 */
export function delayOf(
  { kind, waitMs }: Pick<TransientError, "kind" | "waitMs">,
  attempt: number,
  random: () => number,
): number {
  if (waitMs !== null) return waitMs;
  const longest = kind === "rate-limited" ? maxDelayMs.polite : maxDelayMs.probe;
  const whole = Math.min(longest, firstMs * 2 ** Math.min(20, attempt - 1));
  return Math.round(whole * (0.5 + random() / 2));
}

/**
 * Tries a request once more where that takes no time: a connection that broke, or a server's slip. Silence, and a server that
 * asks us to wait, are left to whoever has more patience, or another address to ask.
 * @throws what the last attempt threw, and AbortError
 */
export async function retryOnce<T>(
  { clock, random }: Pick<Host, "clock" | "random">,
  signal: AbortSignal,
  task: () => Promise<T>,
): Promise<T> {
  try {
    return await task();
  } catch (error) {
    signal.throwIfAborted();
    const trouble = transientErrorOf(error);
    if (trouble === null || trouble.waitMs !== null || isSilence(trouble.cause)) {
      throw error;
    }
    await clock.sleep(delayOf(trouble, 1, random), signal);
    return task();
  }
}
