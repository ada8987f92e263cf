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
  /** Something else answers in the Hub's place: a gateway, a login page. The failure that says so is the cause. */
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

/** What somebody else may say in the Hub's place for a while. */
const ofOthers = ["hub.captive_portal", "hub.redirect_loop"];

/** The same once the Hub has answered well: then even a stranger in its place passes. */
export function transientOnceServed(error: unknown): TransientError | null {
  if (!(error instanceof Failure) || !ofOthers.includes(error.code)) return transientCause(error);
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
