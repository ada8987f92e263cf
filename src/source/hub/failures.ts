import { exitCodes, Failure, type FailureDetails } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { quoted } from "../../run/shell.ts";
import { formatMoment } from "../../run/units.ts";
import { patienceMs } from "../retry.ts";
import type { FailureScope } from "../source.ts";
import { isTlsError, proxyStatus, transientErrorOf } from "../transient-error.ts";
import { rootErrorCode } from "../../run/error-code.ts";

/** What was asked of the Hub, for the sentence: "openai/whisper-large-v3", "the token". */
export interface Asked {
  readonly endpoint: string;
  readonly repo?: string;
  readonly revision?: string;
  readonly path?: string;
  /** Whether the token went along. */
  readonly withToken: boolean;
}

/** The hint that ends with how to get and give a token, on a command line and on a form. */
function tokenHint(before: string): Pick<FailureDetails, "hint" | "formHint"> {
  const make = `${before}Make a token at https://huggingface.co/settings/tokens and`;
  return {
    hint: `${make} set HF_TOKEN, or give it with --token-file.`,
    formHint: `${make} paste it where you are asked for one.`,
  };
}

/** The failure that an answer of 4xx means; null where it says nothing certain. */
export function failureOfStatus(
  status: number,
  errorHeader: string | undefined,
  asked: Asked,
): Failure | null {
  const repo = asked.repo ?? "this address";
  if (errorHeader === "GatedRepo") return gated(repo, asked.withToken);
  if (errorHeader === "RevisionNotFound") {
    return usage({
      code: "hub.revision_not_found",
      message: `${repo} has no revision ${asked.revision ?? ""} on ${asked.endpoint}.`,
      hint: "Check the revision in the catalog: a branch, a tag or a full commit.",
    });
  }
  if (errorHeader === "EntryNotFound") {
    const { path = "", revision = "" } = asked;
    return failure("hub.file_not_found", {
      repo,
      revision,
      missing: `file ${path}`,
      listed: false,
    });
  }
  if (errorHeader === "RepoNotFound" || (status === 401 && !asked.withToken)) {
    return asked.withToken ? repoNotFound(repo, asked) : repoHidden(repo, asked);
  }
  if (status === 401) return tokenRefused(asked.endpoint);
  if (status === 403) {
    return usage({
      code: "hub.forbidden",
      message: `The Hub at ${asked.endpoint} does not let this token read ${repo}.`,
      hint: "Use a token with the right to read this repository (`hf auth whoami` shows whose it is).",
    });
  }
  return null;
}

export function tokenRefused(endpoint: string): Failure {
  return usage({
    code: "hub.token_refused",
    message: `The Hub at ${endpoint} does not accept the token.`,
    ...tokenHint(""),
  });
}

function gated(repo: string, withToken: boolean): Failure {
  const page = `https://huggingface.co/${repo}`;
  return usage({
    code: "hub.gated",
    message: `${repo} is gated: its owner asks you to accept terms before the files can be downloaded.`,
    ...(withToken
      ? {
          hint: `Accept the terms at ${page} with the account that the token belongs to, then run heros again.`,
        }
      : tokenHint(`Accept the terms at ${page}. `)),
  });
}

function repoNotFound(repo: string, asked: Asked): Failure {
  return usage({
    code: "hub.repo_not_found",
    message: `There is no repository ${repo} on ${asked.endpoint}, or the token may not see it.`,
    hint: "Check the repository's name in the catalog, and that the token may read it.",
  });
}

/** Without a token the Hub does not tell a missing repository from a private one. */
function repoHidden(repo: string, asked: Asked): Failure {
  return usage({
    code: "hub.repo_not_found",
    message: `There is no repository ${repo} on ${asked.endpoint}, or it is private.`,
    ...tokenHint("Check the name in the catalog. If it is private or gated: "),
  });
}

function usage(details: Omit<FailureDetails, "exitCode">): Failure {
  return new Failure({ ...details, exitCode: exitCodes.usage });
}

/** A page for people where the Hub's answer should be: a login page of a hotel, a proxy, a wrong address. */
export function captivePortal(endpoint: string, what: string, cause?: unknown): Failure {
  return new Failure({
    code: "hub.captive_portal",
    message: `${endpoint} did not answer as a Hub: ${what}.`,
    hint: `Open ${endpoint} in a browser on this machine: a network may want you to log in first. Or check HF_ENDPOINT and the proxy.`,
    exitCode: exitCodes.network,
    cause,
  });
}

/** What a request ended with after the last try, as a failure that says what to do. Others are passed through. */
export function failureOfError(error: unknown, endpoint: string): unknown {
  if (error instanceof Failure) return error;
  if (isTlsError(error)) {
    return new Failure({
      code: "hub.tls",
      message: `The secure connection to ${endpoint} can't be trusted (${rootErrorCode(error) ?? "TLS"}).`,
      hint: "Check the machine's date. If your network has a certificate of its own, add it to the system's store, or name its file in SSL_CERT_FILE.",
      exitCode: exitCodes.network,
      cause: error,
    });
  }
  const trouble = transientErrorOf(error);
  if (trouble === null && (rootErrorCode(error) ?? "").startsWith("ERR_PROXY_")) {
    return proxyFailure(error, endpoint);
  }
  if (trouble === null) return error;
  // Whatever its status: who asks for so long a wait has told when to come back.
  if (trouble.until !== null && (trouble.waitMs ?? 0) >= patienceMs) {
    return new Failure({
      code: "hub.rate_limited",
      message: `The Hub at ${endpoint} asks us to wait until ${formatMoment(trouble.until)}.`,
      hint: "Run heros again after that: it goes on where it was. A token raises the limit.",
      exitCode: exitCodes.network,
      cause: error,
    });
  }
  if (trouble.kind === "rate-limited") {
    return new Failure({
      code: "hub.rate_limited",
      message: `The Hub at ${endpoint} asks us to slow down, again and again.`,
      hint: "Wait five minutes and run heros again: it goes on where it was. A token raises the limit.",
      exitCode: exitCodes.network,
      cause: error,
    });
  }
  if (trouble.kind === "server" || trouble.kind === "bad-answer") {
    return new Failure({
      code: "hub.server_error",
      message: `The Hub at ${endpoint} has a problem: ${trouble.message}.`,
      hint: "Look at https://status.huggingface.co, and run heros again later: it goes on where it was.",
      exitCode: exitCodes.network,
      cause: error,
    });
  }
  return new Failure({
    code: "hub.unreachable",
    message: `The Hub at ${endpoint} can't be reached: ${trouble.message}.`,
    hint: `Check the network, the proxy and HF_ENDPOINT: curl -I ${quoted(endpoint)}`,
    exitCode: exitCodes.network,
    cause: error,
  });
}

/** A proxy that wants a password, or forbids the address. Node's own words may hold the proxy's address, password and all. */
function proxyFailure(error: unknown, endpoint: string): Failure {
  const status = proxyStatus(error);
  return new Failure({
    code: "hub.proxy",
    message:
      error instanceof Error && rootErrorCode(error) === "ERR_PROXY_INVALID_CONFIG"
        ? `${error.message}.`
        : `The proxy does not let us through to ${endpoint}${status === 0 ? "" : ` (${status})`}.`,
    hint: "Set HTTPS_PROXY to an http:// proxy, with the name and password that it wants; NO_PROXY lists what needs none.",
    exitCode: exitCodes.network,
    cause: error,
  });
}

const ofAll = ["hub.tls", "hub.proxy", "hub.token_refused"];
/** Of a network that was waited for in vain. */
const ofNetwork = ["hub.unreachable", "hub.rate_limited", "hub.server_error"];

/** What a failure of the Hub means for other files than the one that was asked for. */
export function scopeOf({ code }: Failure): FailureScope {
  if (ofAll.includes(code)) return "all";
  return ofNetwork.includes(code) ? "network" : "file";
}
