import type { Host } from "../host/host.ts";
import { untilAborted } from "../run/concurrency.ts";
import { Failure, rootErrorCode } from "../run/failure.ts";

/** What went wrong with one request, where a later one may do better. */
export type TransientKind =
  /** No connection, a connection that broke, or silence. */
  | "network"
  /** 5xx, 408, 425. */
  | "server"
  /** 429: all requests wait. */
  | "rate-limited"
  /** 403 of a signed address that is fresh: too many connections, perhaps. */
  | "refused"
  /** A signed address that is no longer good. */
  | "expired"
  /** Something else answers in the server's place: a gateway, a login page. The failure that says so is the cause. */
  | "strange"
  /** An answer that does not fit the question: a wrong range, a wrong length, an encoding nobody asked for. */
  | "bad-answer";

/** An error that trying again may fix. */
export class TransientError extends Error {
  override readonly name = "TransientError";
  readonly kind: TransientKind;
  /** How long the server asks us to wait; null where it does not say. */
  readonly waitMs: number | null;
  /** When that is over. */
  readonly until: Date | null;

  constructor(
    kind: TransientKind,
    reason: string,
    wait: { readonly ms: number; readonly until: Date } | null = null,
    cause?: unknown,
  ) {
    super(reason, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.waitMs = wait?.ms ?? null;
    this.until = wait?.until ?? null;
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNRESET: "the connection was cut",
  ECONNREFUSED: "connection refused",
  ECONNABORTED: "the connection was cut",
  EPIPE: "the connection was cut",
  ETIMEDOUT: "the connection timed out",
  ENOTFOUND: "unknown host name",
  EAI_AGAIN: "the DNS server does not respond",
  ENETUNREACH: "network unreachable",
  ENETDOWN: "the network is down",
  EHOSTUNREACH: "no route to the server",
  EHOSTDOWN: "the server is down",
  ERR_STREAM_PREMATURE_CLOSE: "the connection was cut",
  HPE_INVALID_CONSTANT: "the answer was garbled",
};

/** Node's error as a transient one, or null where no retry fixes it. */
export function transientErrorOf(error: unknown): TransientError | null {
  if (error instanceof TransientError) return error;
  const code = rootErrorCode(error);
  if (code === null) return null;
  const known =
    reasons[code] ??
    (code.startsWith("HPE_") ? "the answer was garbled" : null) ??
    (proxyStatus(error) >= 500 ? "the proxy can't reach the server" : null);
  return known === null ? null : new TransientError("network", known, null, error);
}

/** What somebody else may say in the server's place for a while. */
const ofOthers = /^(?:hub|registry)\.(?:captive_portal|redirect_loop)$/u;

/** The same once the server has answered well: then even a stranger in its place passes. */
export function transientOnceServed(error: unknown): TransientError | null {
  if (!(error instanceof Failure) || !ofOthers.test(error.code)) return transientCause(error);
  return new TransientError("strange", error.message.replace(/\.$/u, ""), null, error);
}

/** The same of a failure that says in words what such an error ended with. */
export function transientCause(error: unknown): TransientError | null {
  return error instanceof Failure ? transientErrorOf(error.cause) : transientErrorOf(error);
}

/** The connection stands, and nothing comes. */
export function isSilence(cause: unknown): boolean {
  return rootErrorCode(cause) === "ETIMEDOUT";
}

/** What a proxy answered that should have let us through; 0 where it is no such error. */
export function proxyStatus(error: unknown): number {
  if (rootErrorCode(error) !== "ERR_PROXY_TUNNEL" || !(error instanceof Error)) return 0;
  return "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 0;
}

/** Codes of a TLS connection that could not be trusted. */
export function isTlsError(error: unknown): boolean {
  const code = rootErrorCode(error) ?? "";
  return (
    /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL)/u.test(code) ||
    code === "HOSTNAME_MISMATCH" ||
    code === "EPROTO"
  );
}

/** How long heros waits for a network in all, before the first byte and after it. */
export const patienceMs = 10 * 60_000;

const firstMs = 500;
/** A network that is back should not be waited for; a server that is asked for less is left alone for longer. */
const maxDelayMs = { probe: 5000, polite: 30_000 };
/** A server that answers wrongly, so often and for so long, goes on doing so. */
const maxBadAnswers = 5;

/** A request that failed. */
export interface FailedAttempt {
  readonly error: Pick<TransientError, "kind" | "waitMs">;
  /** From 1. */
  readonly attempt: number;
  /** Since the first of them failed. */
  readonly waitedMs: number;
  /** It is given up after so long. */
  readonly limitMs: number;
  /** After so long, and so many attempts for the file itself, an answer that stays wrong is given up. Default: as everything else. */
  readonly badAnswersMs?: number;
  readonly ownAttempts?: number;
  /** Of this attempt, what was a wait already: silence. Default 0. */
  readonly spentMs?: number;
}

/**
 * The whole policy of retrying: exponential backoff with jitter, between half and the whole of 0.5 s, 1 s, 2 s, … 5 s, or 30 s
 * where the server asked for fewer requests. What the server itself asks for counts first.
 * @param random in [0, 1)
 * @returns milliseconds until the next attempt; null where there is to be none
 */
export function calculateRetryDelay(failed: FailedAttempt, random: () => number): number | null {
  const { error, attempt, waitedMs, limitMs, badAnswersMs = limitMs, spentMs = 0 } = failed;
  const { ownAttempts = attempt } = failed;
  const staysBad = error.kind === "bad-answer" && ownAttempts > maxBadAnswers;
  if (waitedMs >= limitMs || (staysBad && waitedMs >= badAnswersMs)) return null;
  const delayMs = Math.min(backoff(error, attempt, random), limitMs - waitedMs);
  return Math.round(Math.max(Math.min(delayMs, firstMs), delayMs - spentMs));
}

function backoff(
  { kind, waitMs }: FailedAttempt["error"],
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
  } catch (thrown) {
    signal.throwIfAborted();
    const error = transientErrorOf(thrown);
    if (error === null || error.waitMs !== null || isSilence(error.cause)) throw thrown;
    const failed = { error, attempt: 1, waitedMs: 0, limitMs: patienceMs };
    await clock.sleep(calculateRetryDelay(failed, random) ?? 0, signal);
    return task();
  }
}

export interface Attempt {
  readonly error: TransientError;
  /** From 1. */
  readonly attempt: number;
  /** Until it failed: silence is a wait, too. */
  readonly tookMs: number;
  readonly delayMs: number;
  /** Without an answer it is given up after so much more. */
  readonly leftMs: number;
}

/** Asks until there is an answer. @throws at once what no later try fixes, and the last error once `forMs` are over; AbortError */
export type AskAgain = <T>(
  call: () => Promise<T>,
  options: {
    readonly signal: AbortSignal;
    /** How long an answer is waited for in all. */
    readonly forMs: number;
    /** Null for what no later try fixes. */
    readonly isTransient?: (error: unknown) => TransientError | null;
  },
) => Promise<T>;

/** More of one attempt is not counted: the program was stopped meanwhile, or the machine slept. */
const maxAttemptMs = 30_000;

/** The waiting around the policy, for all calls to one server: one call probes it, the others wait for that. */
export function createAskAgain(
  { clock, random }: Pick<Host, "clock" | "random">,
  onRetry: ((attempt: Attempt) => void) | undefined,
): AskAgain {
  const shared: { waitedMs: number; probe: Promise<void> | null } = {
    /** By all calls together, as far as it counts. */
    waitedMs: 0,
    /** While one call asks again and again. */
    probe: null,
  };

  async function othersProbe(signal: AbortSignal): Promise<void> {
    while (shared.probe !== null) await untilAborted(shared.probe, signal);
  }

  return async (call, { signal, forMs, isTransient = transientCause }) => {
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
        } catch (thrown) {
          signal.throwIfAborted();
          const error = isTransient(thrown);
          if (error === null) throw thrown;
          if (shared.probe !== null && endProbe === null) continue;
          sinceMs ??= shared.waitedMs;
          const tookMs = Math.round(clock.monotonicMs() - askedMs);
          shared.waitedMs += Math.min(maxAttemptMs, tookMs);
          const failed = { error, attempt, waitedMs: shared.waitedMs - sinceMs, limitMs: forMs };
          const delayMs = calculateRetryDelay(failed, random);
          if (delayMs === null) throw thrown;
          if (endProbe === null) {
            const { promise, resolve } = Promise.withResolvers<void>();
            shared.probe = promise;
            endProbe = resolve;
          }
          onRetry?.({ error, attempt, tookMs, delayMs, leftMs: forMs - failed.waitedMs });
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
  };
}
