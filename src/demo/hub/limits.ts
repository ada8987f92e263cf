import { createHmac, randomBytes } from "node:crypto";
import { type Exchange, sendError } from "./exchange.ts";

/** Makes and checks signed addresses that are good for a while. */
export interface Links {
  sign(path: string): string;
  verify(url: URL): "good" | "expired" | "forged";
  /** Those signed so far are expired from now on. */
  expireAll(): void;
}

export function createLinks(origin: () => string, lifetimeSeconds: number): Links {
  const key = randomBytes(32);
  let generation = 0;
  const signature = (path: string, expires: string, given: string) =>
    createHmac("sha256", key).update(`${path}\n${expires}\n${given}`).digest("hex");
  return {
    sign(path) {
      const expires = String(Math.floor(Date.now() / 1000) + lifetimeSeconds);
      const url = new URL(path, origin());
      url.searchParams.set("Expires", expires);
      url.searchParams.set("Generation", String(generation));
      url.searchParams.set("Signature", signature(url.pathname, expires, String(generation)));
      return url.href;
    },
    verify(url) {
      const expires = url.searchParams.get("Expires") ?? "";
      const given = url.searchParams.get("Generation") ?? "";
      if (url.searchParams.get("Signature") !== signature(url.pathname, expires, given)) {
        return "forged";
      }
      return Number(given) < generation || Number(expires) * 1000 <= Date.now()
        ? "expired"
        : "good";
    },
    expireAll: () => void generation++,
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
