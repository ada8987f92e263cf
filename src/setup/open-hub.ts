import { isOffline } from "../hub/environment.ts";
import { failureOfError } from "../hub/failures.ts";
import { connectHub, type Hub } from "../hub/hub.ts";
import type { EndpointSwitch } from "../hub/mirrors.ts";
import type { TokenRefusal } from "../hub/token-use.ts";
import type { TokenAnswer } from "../plan/answers.ts";
import type { Notice } from "../progress/events/run.ts";
import type { Fetching, Work } from "./request.ts";
import { tokenOf } from "./tokens.ts";

/** Shorter waits for a list of files pass unseen. */
const worthTellingMs = 1000;

/**
 * The Hub of this run, with the token that the answers chose. `offline`: the cache alone is asked, whatever the environment
 * says. `forMs`: how long an answer of the API is waited for, where that is not the usual ten minutes.
 */
export function openHub(
  { host, emit, endpoints }: Work,
  fetching: Fetching,
  token: TokenAnswer,
  { offline = isOffline(host.env), forMs }: { offline?: boolean; forMs?: number } = {},
): Hub {
  const { endpoint, mirrors, stateDir } = fetching;
  return connectHub({
    host,
    endpoint,
    mirrors,
    token: tokenOf(token),
    stateDir,
    offline,
    // One that a person gave for this run must be right; one that was lying about need not be.
    ...("where" in token ? { onTokenRefused: (why) => emit(tokenNotice(token, why)) } : {}),
    ...(forMs === undefined ? {} : { forMs }),
    memory: endpoints,
    onSwitch: (change) => emit(switchNotice(change)),
    onRetry: ({ trouble, attempt, tookMs, delayMs, leftMs }) => {
      if (tookMs + delayMs < worthTellingMs) return;
      emit({ type: "hub.waiting", reason: trouble.message, attempt, delayMs, leftMs });
    },
  });
}

/** Who brings the files is worth knowing: a mirror is somebody else. */
function switchNotice({ from, to, error }: EndpointSwitch): Notice {
  if (error === null) {
    const message = `${to} answers again. Going on with it.`;
    return { type: "notice", level: "info", code: "hub.endpoint_back", message };
  }
  const failure = failureOfError(error, from);
  const why = failure instanceof Error ? failure.message : `${from} fails.`;
  return {
    type: "notice",
    level: "warning",
    code: "hub.mirror",
    message: `${why} Going on with ${to}.`,
    hint: "Files from there are checked like all others, and it gets no token.",
  };
}

function tokenNotice({ where = "this machine" }: { where?: string }, why: TokenRefusal): Notice {
  return {
    type: "notice",
    level: "warning",
    code: "hub.token_refused",
    message:
      why === "malformed"
        ? `What was found in ${where} is not a Hugging Face token. Continuing without it.`
        : `The Hub does not accept the token found in ${where}. Continuing without it.`,
    hint: `Public models need no token. Remove it from ${where}, or put a new one there: https://huggingface.co/settings/tokens`,
  };
}
