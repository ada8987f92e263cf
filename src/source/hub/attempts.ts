import type { Host } from "../../host/host.ts";
import type { Hub } from "./hub-port.ts";
import { delayOf } from "../retry.ts";
import { type TransientError, transientCause, transientOnceServed } from "../transient-error.ts";

export interface Attempt {
  readonly trouble: TransientError;
  /** From 1. */
  readonly attempt: number;
  /** Until it failed: silence is a wait, too. */
  readonly tookMs: number;
  readonly delayMs: number;
  /** Without an answer it is given up after so much more. */
  readonly leftMs: number;
}

export interface Waiting {
  readonly host: Pick<Host, "clock" | "random">;
  /** How long an answer is waited for in all. */
  readonly forMs: number;
  readonly onRetry: ((attempt: Attempt) => void) | undefined;
}

interface Shared {
  /** By all calls together, as far as it counts. */
  waitedMs: number;
  /** While one call asks again and again. */
  probe: Promise<void> | null;
}

/** More of one attempt is not counted: the program was stopped meanwhile, or the machine slept. */
const maxAttemptMs = 30_000;
/** A person waits for the answer, and can ask again. */
const whoAmIMs = 10_000;

/**
 * A Hub that is asked again until it answers: one call probes it, the others wait for that. What a person must put right
 * is thrown at once.
 */
export function askPatiently(hub: Hub, waiting: Waiting): Hub {
  const { clock, random } = waiting.host;
  const shared: Shared = { waitedMs: 0, probe: null };

  async function othersProbe(signal: AbortSignal): Promise<void> {
    while (shared.probe !== null) await untilAborted(shared.probe, signal);
  }

  async function ask<T>(
    signal: AbortSignal,
    forMs: number,
    call: () => Promise<T>,
    passes = transientCause,
  ): Promise<T> {
    let sinceMs: number | null = null;
    let endProbe: (() => void) | null = null;
    try {
      for (let attempt = 1; ; attempt += 1) {
        if (endProbe === null && shared.probe !== null) {
          sinceMs ??= shared.waitedMs;
          await othersProbe(signal);
        }
        const askedMs = clock.monotonicMs();
        try {
          return await call();
        } catch (error) {
          signal.throwIfAborted();
          const trouble = passes(error);
          if (trouble === null) throw error;
          if (shared.probe !== null && endProbe === null) continue;
          sinceMs ??= shared.waitedMs;
          const tookMs = Math.round(clock.monotonicMs() - askedMs);
          shared.waitedMs += Math.min(maxAttemptMs, tookMs);
          const leftMs = forMs - (shared.waitedMs - sinceMs);
          if (leftMs <= 0) throw error;
          if (endProbe === null) {
            const { promise, resolve } = Promise.withResolvers<void>();
            shared.probe = promise;
            endProbe = resolve;
          }
          const delayMs = Math.min(leftMs, delayOf(trouble, attempt, random));
          waiting.onRetry?.({ trouble, attempt, tookMs, delayMs, leftMs });
          await clock.sleep(delayMs, signal);
          shared.waitedMs += delayMs;
        }
      }
    } finally {
      if (endProbe !== null) {
        shared.probe = null;
        endProbe();
      }
    }
  }

  const { forMs } = waiting;
  return {
    ...hub,
    list: (repo, revision, signal) => ask(signal, forMs, () => hub.list(repo, revision, signal)),
    requireAccess: (repo, commit, path, signal) =>
      ask(signal, forMs, () => hub.requireAccess(repo, commit, path, signal), transientOnceServed),
    whoAmI: (signal) => ask(signal, Math.min(forMs, whoAmIMs), () => hub.whoAmI(signal)),
  };
}

async function untilAborted(event: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([event, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  signal.throwIfAborted();
}
