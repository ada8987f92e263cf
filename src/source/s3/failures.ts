import { Failure, rootErrorCode } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { isTlsError, proxyStatus, transientErrorOf } from "../retry-policy.ts";
import type { FailureScope } from "../source.ts";

/** What a request ended with after the last try, as a failure that says what to do. Others are passed through. */
export function failureOfError(error: unknown, endpoint: string): unknown {
  if (error instanceof Failure) return error;
  const code = rootErrorCode(error);
  if (isTlsError(error)) return failure("s3.tls", { endpoint, reason: code ?? "TLS" }, error);
  const transient = transientErrorOf(error);
  if (transient === null) {
    if (code?.startsWith("ERR_PROXY_") !== true) return error;
    // Node's own words may hold the proxy's address, password and all.
    const own = error instanceof Error && code === "ERR_PROXY_INVALID_CONFIG";
    const unusable = own ? error.message : null;
    return failure("s3.proxy", { endpoint, status: proxyStatus(error), unusable }, error);
  }
  const { kind, message: reason } = transient;
  const answers = kind === "server" || kind === "bad-answer" || kind === "rate-limited";
  return failure(answers ? "s3.server_error" : "s3.unreachable", { endpoint, reason }, error);
}

const ofAll = ["s3.tls", "s3.proxy", "s3.key_refused", "s3.skewed", "s3.bucket_not_found"];
/** Of a network that was waited for without an answer. */
const ofNetwork = ["s3.unreachable", "s3.server_error"];

/** What a failure means for other files than the one that was asked for. */
export function scopeOf({ code }: Failure): FailureScope {
  if (ofAll.includes(code)) return "all";
  return ofNetwork.includes(code) ? "network" : "file";
}
