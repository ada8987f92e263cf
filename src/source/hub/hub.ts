import { join } from "node:path";
import type { Host } from "../../host/host.ts";
import { exitCodes, Failure } from "../../run/failure.ts";
import type { Secret } from "../../run/secret.ts";
import { parseEndpoint } from "./endpoint.ts";
import {
  createEndpointMemory,
  type EndpointMemory,
  type EndpointSwitch,
  preferInOrder,
} from "../mirrors.ts";
import { failure } from "../../run/failures/table.ts";
import { failureOfError, scopeOf } from "./failures.ts";
import { commitPattern } from "../../run/listing.ts";
import { checkAccess, openFile, resolveUrl } from "./files.ts";
import { isRepoId, isSafePath } from "./listing.ts";
import { listingCache } from "./listing-cache.ts";
import type { Hub } from "./hub-port.ts";
import type { Session } from "./request.ts";
import { askWithToken, type TokenRefusal } from "./token.ts";
import { type Attempt, askPatiently } from "./attempts.ts";
import { patienceMs } from "../retry.ts";

export type { Hub };

export interface HubOptions {
  readonly host: Pick<Host, "network" | "clock" | "random" | "files" | "pid">;
  readonly endpoint: string;
  /** Asked where the endpoint fails, in this order. They must serve the same commits, and never get the token. */
  readonly mirrors?: readonly string[];
  readonly token: Secret | null;
  /** Told once where the token is no longer sent. Without it, a token that is refused is an error. */
  readonly onTokenRefused?: (why: TokenRefusal) => void;
  readonly offline?: boolean;
  /** Where listings of commits are kept; without it each run asks again. */
  readonly stateDir?: string;
  readonly onRetry?: (attempt: Attempt) => void;
  /** How long an answer of the API is waited for. Default ten minutes. */
  readonly forMs?: number;
  /** How long one answer of the API may take. Default 30 s: a page of a listing has some hundred kB. */
  readonly answerLimitMs?: number;
  /** Shared by all Hubs of a run, so that each does not find out anew which address fails. */
  readonly memory?: EndpointMemory;
  readonly onSwitch?: (change: EndpointSwitch) => void;
}

/** Asks nothing yet. @throws Failure `settings.bad_value` */
export function connectHub(options: HubOptions): Hub {
  const { mirrors = [], stateDir: _own, ...common } = options;
  const { host, onRetry, forMs = patienceMs, memory = createEndpointMemory() } = options;
  const hub = connectOne({ ...options, memory });
  if (options.offline === true) return hub;
  if (mirrors.length === 0) return askPatiently(hub, { host, forMs, onRetry });
  // What a mirror lists is not kept: the endpoint's word counts as soon as it can be had.
  const others = mirrors.map((endpoint) =>
    connectOne({ ...common, memory, endpoint, token: null }),
  );
  const { onSwitch } = options;
  const { clock } = host;
  const all = preferInOrder([hub, ...others], { clock, memory, onSwitch });
  return askPatiently(all, { host, forMs, onRetry });
}

function connectOne(options: HubOptions & { readonly memory: EndpointMemory }): Hub {
  const { host, token, offline: cacheAlone = false, stateDir, memory, onTokenRefused } = options;
  const endpoint = parseEndpoint("--endpoint", options.endpoint);
  const { answerLimitMs = 30_000 } = options;
  const session: Session = { host, endpoint, token, answerLimitMs, etagChanges: new Map() };
  const withToken = <T>(call: (session: Session) => Promise<T>): Promise<T> =>
    askWithToken({ session, refused: memory.refusedTokens, onTokenRefused }, call);
  const kept = listingCache(host, stateDir === undefined ? null : join(stateDir, "listings"));

  return {
    endpoint,
    offline: cacheAlone,
    async list(repo, revision, signal) {
      signal.throwIfAborted();
      requireNames(repo, revision);
      const pinned = commitPattern.test(revision);
      const known = pinned ? await kept.read(repo, revision) : null;
      if (known !== null) return { repo, revision, commit: revision, files: known };
      if (cacheAlone)
        throw failure("hub.offline", { missing: `the list of files of ${repo} at ${revision}` });
      // Not before something is asked: what checks the answers takes longer to load than all else here.
      const { fetchCommit, fetchFiles } = await import("./library.ts");
      const call = { repo, revision, signal };
      const commit = pinned
        ? revision
        : await withToken((own) => fetchCommit({ ...call, session: own }));
      const files =
        (pinned ? null : await kept.read(repo, commit)) ??
        (await withToken((own) => fetchFiles({ ...call, session: own }, commit)));
      await kept.write(repo, commit, files);
      return { repo, revision, commit, files };
    },
    async whoAmI(signal) {
      if (cacheAlone) throw failure("hub.offline", { missing: "an answer to whose token this is" });
      const { fetchAccount } = await import("./library.ts");
      return fetchAccount({ session, signal });
    },
    resolveUrl: (repo, commit, path) => resolveUrl(endpoint, { repo, commit, path }),
    async requireAccess(repo, commit, path, signal) {
      if (cacheAlone) throw failure("hub.offline", { missing: `${path} of ${repo}` });
      await withToken((own) => checkAccess(own, { repo, commit, path, signal }));
    },
    async open(request) {
      if (cacheAlone)
        throw failure("hub.offline", { missing: `${request.path} of ${request.repo}` });
      return withToken((own) => openFile(own, request));
    },
    failureOf: (error) => failureOfError(error, endpoint),
    scopeOf,
  };
}

function requireNames(repo: string, revision: string): void {
  if (isRepoId(repo) && isSafePath(revision)) return;
  throw new Failure({
    code: isRepoId(repo) ? "hub.revision_not_found" : "hub.repo_not_found",
    message: `${JSON.stringify(isRepoId(repo) ? revision : repo)} can't be the name of a ${isRepoId(repo) ? "revision" : "repository"} on the Hub.`,
    hint: "Check the catalog: a repository is written owner/name, a revision is a branch, a tag or a commit.",
    exitCode: exitCodes.usage,
  });
}
