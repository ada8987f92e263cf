import type { TokenAnswer } from "../plan/answers.ts";
import type { Notice } from "../run/events/run.ts";
import { failureOfError } from "../source/hub/failures.ts";
import { connectHub, type Hub } from "../source/hub/hub.ts";
import type { TokenRefusal } from "../source/hub/token.ts";
import type { EndpointSwitch } from "../source/mirrors.ts";
import type { Fetching, Work } from "./request.ts";
import type { CacheFallback } from "./list-files.ts";
import { tokenOf } from "./tokens.ts";
import { isHubOffline } from "../run/hub-offline.ts";

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
  { offline = isHubOffline(host.env), forMs }: { offline?: boolean; forMs?: number } = {},
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

/** With everything in the cache a Hub that is down is no reason to stop, or to wait: it is said what is used. */
export function cacheFallback(work: Work, fetching: Fetching, token: TokenAnswer): CacheFallback {
  return {
    offline: openHub(work, fetching, token, { offline: true }),
    impatient: openHub(work, fetching, token, { forMs: 0 }),
    onCached: ({ repo, revision, commit }, failure) =>
      work.emit({
        type: "notice",
        level: "warning",
        code: "hub.cache_used",
        message: `${failure.message} Using ${repo} as cached: ${revision} at commit ${commit.slice(0, 7)}.`,
        hint: "All of its files are cached. Run heros again later to check for newer ones.",
      }),
  };
}
