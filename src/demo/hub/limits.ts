import type { Clock } from "../../host/host.ts";
import { realClock } from "../../host/real-host.ts";
import { type Exchange, sendError } from "./exchange.ts";

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

/** What a Hub measures its time by, and waits with. */
export type HubClock = Pick<Clock, "monotonicMs" | "sleep">;

export function createGate(bytesPerSecond: number, clock: HubClock = realClock): Gate {
  let freeAtMs = clock.monotonicMs();
  return {
    bytesPerSecond,
    async pass(bytes, signal) {
      const nowMs = clock.monotonicMs();
      freeAtMs = Math.max(freeAtMs, nowMs - slackMs) + (bytes / bytesPerSecond) * 1000;
      const waitMs = freeAtMs - nowMs;
      if (waitMs >= 1) await clock.sleep(waitMs, signal);
    },
  };
}

/** Requests in a window, as the Hub counts them: listing and account, and files. */
export interface RateLimits {
  readonly api?: number;
  readonly resolvers?: number;
  /** Default 300. */
  readonly windowSeconds?: number;
}

export interface Quotas {
  /** Counts one request, and answers 429 where there were too many. True where it did. */
  refuse(exchange: Exchange, kind: "api" | "resolvers"): boolean;
}

/** A window begins with its first request. Headers as huggingface_hub reads them: `RateLimit: "api";r=0;t=55`. */
export function createQuotas(limits: RateLimits = {}): Quotas {
  const windowMs = (limits.windowSeconds ?? 300) * 1000;
  const windows = { api: { endsAtMs: 0, used: 0 }, resolvers: { endsAtMs: 0, used: 0 } };
  return {
    refuse(exchange, kind) {
      const quota = limits[kind];
      if (quota === undefined) return false;
      const window = windows[kind];
      const nowMs = performance.now();
      if (nowMs >= window.endsAtMs) Object.assign(window, { endsAtMs: nowMs + windowMs, used: 0 });
      window.used++;
      const left = Math.max(0, quota - window.used);
      const resetSeconds = Math.max(0, Math.round((window.endsAtMs - nowMs) / 1000));
      const { response } = exchange;
      response.setHeader("RateLimit", `"${kind}";r=${left};t=${resetSeconds}`);
      response.setHeader(
        "RateLimit-Policy",
        `"fixed window";"${kind}";q=${quota};w=${windowMs / 1000}`,
      );
      if (window.used <= quota) return false;
      sendError(exchange, 429, null, "We had to rate limit your IP. Please log in or wait.");
      return true;
    },
  };
}
