import type { CacheFallback } from "../download/list-files.ts";
import type { TokenAnswer } from "../plan/answers.ts";
import { openHub } from "./open-hub.ts";
import type { Fetching, Work } from "./request.ts";

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
