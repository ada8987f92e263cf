import { type AskAgain, transientOnceServed } from "./retry-policy.ts";
import type { Source } from "./source.ts";

/** A source that is asked again for so long until it answers. What a person must fix is thrown at once. */
export function untilAnswered<Own extends Source>(source: Own, ask: AskAgain, forMs: number): Own {
  return {
    ...source,
    list: (repo, revision, signal) =>
      ask(() => source.list(repo, revision, signal), { signal, forMs }),
    requireAccess: (repo, commit, path, signal) =>
      ask(() => source.requireAccess(repo, commit, path, signal), {
        signal,
        forMs,
        isTransient: transientOnceServed,
      }),
  };
}
