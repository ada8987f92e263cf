import { clearInterval, setInterval } from "node:timers";
import type { Clock } from "../../src/host/host.ts";

/** A gap between two steps counts as no more than this. */
const maxStepMs = 2;

let steppedMs = 0;
let lastMs = performance.now();
let timer: NodeJS.Timeout | null = null;
const sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();

function nowMs(): number {
  return steppedMs + Math.min(performance.now() - lastMs, maxStepMs);
}

function step(): void {
  steppedMs = nowMs();
  lastMs = performance.now();
  for (const sleeper of sleepers) {
    if (sleeper.untilMs > steppedMs) continue;
    sleepers.delete(sleeper);
    sleeper.wake();
  }
  if (sleepers.size > 0 || timer === null) return;
  clearInterval(timer);
  timer = null;
}

/**
 * A clock that runs so much faster than a real one, and stands still while the program does: on a busy machine no time
 * passes in which the program had no turn. What it measures then says how much was done, and not how busy the machine was.
 */
export function steppedClock(haste: number): Clock {
  return {
    monotonicMs: () => nowMs() * haste,
    now: () => new Date(),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason as Error);
          return;
        }
        const stop = (): void => {
          sleepers.delete(sleeper);
          reject(new DOMException("The operation was aborted", "AbortError"));
        };
        const sleeper = {
          untilMs: nowMs() + ms / haste,
          wake() {
            signal?.removeEventListener("abort", stop);
            resolve();
          },
        };
        signal?.addEventListener("abort", stop, { once: true });
        sleepers.add(sleeper);
        timer ??= setInterval(step, 1);
      }),
  };
}
