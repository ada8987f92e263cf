import { join } from "node:path";
import { isS3 } from "../../run/repos/s3.ts";
import type { Host } from "../../host/host.ts";
import { Failure } from "../../run/failure.ts";
import type { Secret } from "../../run/secret.ts";
import { parseEndpoint } from "./environment.ts";
import {
  createEndpointMemory,
  type EndpointMemory,
  type EndpointSwitch,
  preferInOrder,
} from "../mirrors.ts";
import { failure } from "../../run/failures/table.ts";
import { failureOfError, scopeOf } from "./failures.ts";
import { commitPattern } from "../../run/repos/file-listing.ts";
import { checkAccess, openFile } from "./files.ts";
import { isRepoId, isSafePath, listingCache } from "./listing.ts";
import type { Hub } from "../source.ts";
import type { Session } from "./request.ts";
import { connectBucket } from "../s3/bucket-hub.ts";
import type { S3Host } from "../s3/client.ts";
import { type Attempt, createAskAgain, patienceMs } from "../retry-policy.ts";
import { untilAnswered } from "../until-answered.ts";

export type { Hub };

/** `malformed`: it holds characters that no token has and no header may hold, and was not sent. */
export type TokenRefusal = "refused" | "malformed";

export interface HubOptions {
  readonly host: Pick<Host, "pid"> & S3Host;
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
  /** A server without the internet has only some of a repository's files, and lists those. */
  readonly onPartial?: (repo: string) => void;
  /** How long an answer of the API is waited for. Default ten minutes. */
  readonly forMs?: number;
  /** How long one answer of the API may take. Default 30 s: a page of a listing has some hundred kB. */
  readonly answerLimitMs?: number;
  /** Shared by all Hubs of a run, so that each does not find out again which address fails. */
  readonly memory?: EndpointMemory;
  readonly onSwitch?: (change: EndpointSwitch) => void;
}

/** Asks nothing yet. @throws Failure `settings.bad_value` */
export function connectHub(options: HubOptions): Hub {
  const { mirrors = [], stateDir: _own, ...common } = options;
  const { host, onRetry, forMs = patienceMs, memory = createEndpointMemory() } = options;
  const hub = connectOne({ ...options, memory });
  if (options.offline === true) return hub;
  if (mirrors.length === 0) return patientHub(hub, { host, forMs, onRetry });
  // What a mirror lists is not kept: the endpoint's word counts as soon as it can be had.
  const others = mirrors.map((endpoint) =>
    connectOne({ ...common, memory, endpoint, token: null }),
  );
  const { onSwitch } = options;
  const { clock } = host;
  const all = preferInOrder([hub, ...others], { clock, memory, onSwitch });
  const whoAmI: Hub["whoAmI"] = (signal) => hub.whoAmI(signal);
  return patientHub({ ...all, whoAmI }, { host, forMs, onRetry });
}

/** A person waits for the answer, and can ask again. */
const whoAmIMs = 10_000;

interface Patience extends Required<Pick<HubOptions, "host" | "forMs">> {
  readonly onRetry: HubOptions["onRetry"] | undefined;
}

function patientHub(hub: Hub, { host, forMs, onRetry }: Patience): Hub {
  const ask = createAskAgain(host, onRetry);
  return {
    ...untilAnswered(hub, ask, forMs),
    whoAmI: (signal) => ask(() => hub.whoAmI(signal), { signal, forMs: Math.min(forMs, whoAmIMs) }),
  };
}

function connectOne(options: HubOptions & { readonly memory: EndpointMemory }): Hub {
  const { host, token, offline: cacheAlone = false, stateDir, memory, onTokenRefused } = options;
  const endpoint = parseEndpoint("--endpoint", options.endpoint);
  if (isS3(endpoint)) return connectBucket({ host, endpoint, offline: cacheAlone });
  const { answerLimitMs = 30_000 } = options;
  const session: Session = { host, endpoint, token, answerLimitMs };
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
      const { fetchCommit, fetchFiles } = await import("./api.ts");
      const call = { repo, revision, signal };
      const commit = pinned
        ? revision
        : await withToken((own) => fetchCommit({ ...call, session: own }));
      const before = pinned ? null : await kept.read(repo, commit);
      if (before !== null) return { repo, revision, commit, files: before };
      const { files, isPartial } = await withToken((own) =>
        fetchFiles({ ...call, session: own }, commit),
      );
      if (isPartial) options.onPartial?.(repo);
      else await kept.write(repo, commit, files);
      return { repo, revision, commit, files };
    },
    async whoAmI(signal) {
      if (cacheAlone) throw failure("hub.offline", { missing: "the owner of the token" });
      const { fetchAccount } = await import("./api.ts");
      return fetchAccount({ session, signal });
    },
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
  if (!isRepoId(repo)) throw failure("hub.repo_not_found", { impossible: JSON.stringify(repo) });
  if (isSafePath(revision)) return;
  throw failure("hub.revision_not_found", { impossible: JSON.stringify(revision) });
}

interface TokenUse {
  readonly session: Session;
  /** By the Hub, in this run. */
  readonly refused: Set<Secret>;
  /** Absent where a token must be right. */
  readonly onTokenRefused: ((why: TokenRefusal) => void) | undefined;
}

/**
 * Asks with the token, and without it once it is known to be refused: a stale one keeps even what everybody may see from
 * being read. @throws Failure `hub.token_refused` where the token must be right, and what `call` throws
 */
async function askWithToken<T>(
  { session, refused, onTokenRefused }: TokenUse,
  call: (session: Session) => Promise<T>,
): Promise<T> {
  const { token, endpoint } = session;
  const without = { ...session, token: null };
  if (token === null || refused.has(token)) return call(without);
  const drop = (why: TokenRefusal): void => {
    if (!refused.has(token)) onTokenRefused?.(why);
    refused.add(token);
  };
  if (!/^[\x21-\x7e]+$/u.test(token.reveal())) {
    if (onTokenRefused === undefined) throw failure("hub.token_refused", { endpoint });
    drop("malformed");
    return call(without);
  }
  try {
    return await call(session);
  } catch (error) {
    const stale = error instanceof Failure && error.code === "hub.token_refused";
    if (!stale || onTokenRefused === undefined) throw error;
    drop("refused");
    return call(without);
  }
}
