import type { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { patienceMs } from "../retry-policy.ts";
import { transportFailureOf } from "../transport-failure.ts";
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
  return transportFailureOf(error, {
    tls: (reason) => failure("hub.tls", { endpoint, reason }, error),
    proxy: (trouble) => failure("hub.proxy", { endpoint, ...trouble }, error),
    transient({ kind, until, waitMs, message: reason }) {
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
    },
  });
}

const ofAll = ["hub.tls", "hub.proxy", "hub.token_refused"];
/** Of a network that was waited for without an answer. */
const ofNetwork = ["hub.unreachable", "hub.rate_limited", "hub.server_error"];

/** What a failure of the Hub means for other files than the one that was asked for. */
export function scopeOf({ code }: Failure): FailureScope {
  if (ofAll.includes(code)) return "all";
  return ofNetwork.includes(code) ? "network" : "file";
}
