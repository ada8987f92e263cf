import { Failure, rootErrorCode } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { isTlsError, patienceMs, proxyStatus, transientErrorOf } from "../retry-policy.ts";
import type { FailureScope } from "../source.ts";

/** What was asked of the Hub, for the sentence: "owner/repo", "the token". */
export interface Asked {
  readonly endpoint: string;
  readonly repo?: string;
  readonly revision?: string;
  readonly path?: string;
  /** Whether the token went along. */
  readonly withToken: boolean;
}

/** The failure that an answer of 4xx means; null where it says nothing certain. */
export function failureOfStatus(
  status: number,
  errorHeader: string | undefined,
  asked: Asked,
): Failure | null {
  const { endpoint, repo = "this address", revision = "", path = "", withToken } = asked;
  switch (errorHeader) {
    case "GatedRepo":
      return failure("hub.gated", { repo, withToken });
    case "RevisionNotFound":
      return failure("hub.revision_not_found", { endpoint, repo, revision });
    case "EntryNotFound":
      return failure("hub.file_not_found", {
        repo,
        revision,
        missing: `file ${path}`,
        listed: false,
      });
    case "RepoNotFound":
      return failure("hub.repo_not_found", { endpoint, repo, withToken });
    default:
      break;
  }
  if (status === 401) {
    return withToken
      ? failure("hub.token_refused", { endpoint })
      : failure("hub.repo_not_found", { endpoint, repo, withToken });
  }
  return status === 403 ? failure("hub.forbidden", { endpoint, repo }) : null;
}

/** A page for people where the Hub's answer should be: a login page of a hotel, a proxy, a wrong address. */
export function captivePortal(endpoint: string, what: string, cause?: unknown): Failure {
  return failure("hub.captive_portal", { endpoint, what }, cause);
}

/** What a request ended with after the last try, as a failure that says what to do. Others are passed through. */
export function failureOfError(error: unknown, endpoint: string): unknown {
  if (error instanceof Failure) return error;
  const code = rootErrorCode(error);
  if (isTlsError(error)) return failure("hub.tls", { endpoint, reason: code ?? "TLS" }, error);
  const transient = transientErrorOf(error);
  if (transient === null) {
    if (code?.startsWith("ERR_PROXY_") !== true) return error;
    // Node's own words may hold the proxy's address, password and all.
    const own = error instanceof Error && code === "ERR_PROXY_INVALID_CONFIG";
    const unusable = own ? error.message : null;
    return failure("hub.proxy", { endpoint, status: proxyStatus(error), unusable }, error);
  }
  const { kind, until, waitMs, message: reason } = transient;
  // Whatever its status: who asks for so long a wait has told when to come back.
  if (until !== null && (waitMs ?? 0) >= patienceMs) {
    return failure("hub.rate_limited", { endpoint, until }, error);
  }
  switch (kind) {
    case "rate-limited":
      return failure("hub.rate_limited", { endpoint, until: null }, error);
    case "server":
    case "bad-answer":
      return failure("hub.server_error", { endpoint, reason }, error);
    case "network":
    case "refused":
    case "expired":
    case "strange":
      return failure("hub.unreachable", { endpoint, reason }, error);
  }
}

const ofAll = ["hub.tls", "hub.proxy", "hub.token_refused"];
/** Of a network that was waited for without an answer. */
const ofNetwork = ["hub.unreachable", "hub.rate_limited", "hub.server_error"];

/** What a failure of the Hub means for other files than the one that was asked for. */
export function scopeOf({ code }: Failure): FailureScope {
  if (ofAll.includes(code)) return "all";
  return ofNetwork.includes(code) ? "network" : "file";
}
