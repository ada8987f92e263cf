import type { Catalog } from "../catalog/catalog.ts";
import { connectHub } from "../source/hub/hub.ts";
import type { TryHub } from "../checks/hub.ts";
import { exitCodes, Failure } from "../run/failure.ts";
import type { Fetching, Work } from "./request.ts";
import { givenToken, tokenOf } from "./tokens.ts";

/**
 * Asks an address of the Hub as a download does, once: for the files of the catalog's first model, and whether one of them
 * can be had.
 * @param tokenIsAsked a person is still asked for a token, so that what only a token is missing for passes
 */
export function tryHubOf(
  { host }: Pick<Work, "host">,
  fetching: Fetching,
  { tokenIsAsked }: { readonly tokenIsAsked: boolean },
): TryHub {
  return async (endpoint, signal) => {
    try {
      await ask(endpoint, signal);
    } catch (error) {
      const ofToken = error instanceof Failure && error.exitCode === exitCodes.usage;
      if (!tokenIsAsked || !ofToken) throw error;
    }
  };

  async function ask(endpoint: string, signal: AbortSignal): Promise<void> {
    const part = firstPart(fetching.catalog);
    if (part === null) return;
    const token = endpoint === fetching.endpoint ? tokenOf(await givenToken(host, fetching)) : null;
    // Nothing that an earlier run kept, and no waiting: what counts is how it is now.
    const onTokenRefused = () => {};
    const hub = connectHub({ host, endpoint, token, onTokenRefused, forMs: 0 });
    const { commit, files } = await hub.list(part.repo, part.revision, signal);
    const [file] = files;
    if (file !== undefined) await hub.requireAccess(part.repo, commit, file.path, signal);
  }
}

function firstPart({ models }: Catalog) {
  const [first] = models.toSorted((one, other) => one.tier - other.tier);
  return first?.parts[0] ?? null;
}
