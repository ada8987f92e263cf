import { Failure, rootErrorCode } from "../run/failure.ts";
import {
  isTlsError,
  proxyStatus,
  type TransientError,
  type TransientKind,
  transientErrorOf,
} from "./retry-policy.ts";

/** What each source says of a request that was not answered well. */
export interface TransportFailures {
  /** The connection can't be trusted. @param reason Node's code */
  tls(reason: string): Failure;
  /** A proxy does not let through with this status, 0 where it gave none; or can't be used, and why. */
  proxy(trouble: { readonly status: number; readonly unusable: string | null }): Failure;
  /** What was tried again until time was over. */
  transient(error: TransientError): Failure;
}

/** What a request ended with after the last try, as a failure that says what to do. Others are passed through. */
export function transportFailureOf(error: unknown, failures: TransportFailures): unknown {
  if (error instanceof Failure) return error;
  const code = rootErrorCode(error);
  if (isTlsError(error)) return failures.tls(code ?? "TLS");
  const transient = transientErrorOf(error);
  if (transient !== null) return failures.transient(transient);
  if (code?.startsWith("ERR_PROXY_") !== true) return error;
  // Node's own words may hold the proxy's address, password and all.
  const own = error instanceof Error && code === "ERR_PROXY_INVALID_CONFIG";
  return failures.proxy({ status: proxyStatus(error), unusable: own ? error.message : null });
}

/** Whether a server did answer, though not as it should. */
export function isAnswer(kind: TransientKind): boolean {
  return kind === "server" || kind === "bad-answer" || kind === "rate-limited";
}
