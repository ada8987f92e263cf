import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { warningOf } from "../../run/events/run.ts";
import { createFetchFiles, type FetchFiles } from "../../serve/hub/fetch-files.ts";
import { connectUpstream, type Upstream } from "../../serve/hub/upstream.ts";
import { fetchAccess, type RepoAccess } from "../../source/hub/access.ts";
import { connectHub } from "../../source/hub/hub.ts";
import type { Fetching, Work } from "../command-request.ts";
import { givenToken, tokenOf } from "../open-hub.ts";

/** A client waits no longer for an answer. */
const answerMs = 8000;

/** The Hub that is asked for what is missing, as anybody may and as the owner of this machine's token. */
export async function openUpstream(
  { host, signal }: Work,
  fetching: Fetching,
  endpoint: string,
): Promise<{
  readonly upstream: Upstream;
  /** Asked as anybody may. */
  readonly askAccess: (repo: string) => Promise<RepoAccess>;
}> {
  const token = tokenOf(await givenToken(host, fetching));
  const { stateDir } = fetching;
  const asked = { host, endpoint, stateDir, answerLimitMs: answerMs, forMs: answerMs };
  return {
    upstream: connectUpstream({
      host,
      signal,
      open: (as) =>
        as === "anybody"
          ? connectHub({ ...asked, token: null })
          : connectHub({ ...asked, token, onTokenRefused: () => {} }),
    }),
    askAccess: (repo) => fetchAccess(asked, repo, signal),
  };
}

/** Downloads what clients ask for, and tells of it. */
export function fetchFiles(
  { host, emit, signal }: Work,
  { limitBytesPerSecond, maxConnections }: Fetching,
  cacheDir: string,
): FetchFiles {
  return createFetchFiles({
    host,
    cacheDir,
    limitBytesPerSecond,
    maxConnections,
    signal,
    onFetched: ({ repo, path, sizeBytes: bytes, elapsedMs }) =>
      emit({ type: "serve.fetched", repo, path, bytes, elapsedMs: Math.round(elapsedMs) }),
    onFailed({ repo, path, error }) {
      const why = error instanceof Failure ? error : failure("serve.problem", { error });
      const message = `${path} of ${repo} could not be downloaded for a client. ${why.message}`;
      emit({ ...warningOf(why), message });
    },
  });
}
