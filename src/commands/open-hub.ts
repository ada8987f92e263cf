import type { Catalog, RepoFiles } from "../catalog/catalog.ts";
import type { TryHub } from "../checks/ask-machine.ts";
import { keptTokenFile } from "../deploy/compose/deployment.ts";
import type { Host } from "../host/host.ts";
import type { FoundToken, TokenAnswer } from "../plan/answers.ts";
import type { Emit } from "../run/event.ts";
import type { Notice } from "../run/events/run.ts";
import { exitCodes, Failure } from "../run/failure.ts";
import { schemeOf } from "../run/repos/file-listing.ts";
import { calledOllama, parseOllamaRepo } from "../run/repos/ollama.ts";
import { isHubOffline, findTokens } from "../source/hub/environment.ts";
import { Secret } from "../run/secret.ts";
import { failureOfError } from "../source/hub/failures.ts";
import { connectHub, type Hub, type TokenRefusal } from "../source/hub/hub.ts";
import type { EndpointSwitch } from "../source/mirrors.ts";
import type { Attempt } from "../source/retry-policy.ts";
import type { CacheFallback } from "./download-models.ts";
import type { Fetching, Work } from "./command-request.ts";

/** Shorter waits for a list of files, or a manifest, pass unseen. */
const worthTellingMs = 1000;

/** Tells that the Hub, or what is in its place, is waited for. */
export function tellHubWait(emit: Emit): (attempt: Attempt) => void {
  return ({ error, attempt, tookMs, delayMs, leftMs }) => {
    if (tookMs + delayMs < worthTellingMs) return;
    emit({ type: "hub.waiting", reason: error.message, attempt, delayMs, leftMs });
  };
}

/** The same of a registry. */
export function tellRegistryWait(
  emit: Emit,
): (attempt: Attempt & { readonly registry: string }) => void {
  return ({ registry, error, attempt, tookMs, delayMs, leftMs }) => {
    if (tookMs + delayMs < worthTellingMs) return;
    emit({ type: "registry.waiting", registry, reason: error.message, attempt, delayMs, leftMs });
  };
}

/** The same of a bucket or a folder. */
export function tellPlaceWait(emit: Emit, place: string): (attempt: Attempt) => void {
  return (attempt) => tellRegistryWait(emit)({ ...attempt, registry: place });
}

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
    onRetry: tellHubWait(emit),
    onPartial: (repo) => emit(partialNotice(endpoint, repo)),
  });
}

function partialNotice(endpoint: string, repo: string): Notice {
  return {
    type: "notice",
    level: "warning",
    code: "hub.partial",
    message: `${endpoint} has only some of the files of ${repo}.`,
    hint: "It may have what is needed. To get all of them, use another --endpoint, or download them there first: heros pull",
  };
}

/** Who brings the files is worth knowing: a mirror is somebody else. */
function switchNotice({ from, to, error }: EndpointSwitch): Notice {
  if (error === null) {
    const message = `${to} is available again. Continuing with it.`;
    return { type: "notice", level: "info", code: "hub.endpoint_back", message };
  }
  const failure = failureOfError(error, from);
  const why = failure instanceof Error ? failure.message : `${from} fails.`;
  return {
    type: "notice",
    level: "warning",
    code: "hub.mirror",
    message: `${why} Continuing with ${to}.`,
    hint: "Its files are verified like all others, and it does not get the token.",
  };
}

function tokenNotice({ where = "this machine" }: { where?: string }, why: TokenRefusal): Notice {
  return {
    type: "notice",
    level: "warning",
    code: "hub.token_refused",
    message:
      why === "malformed"
        ? `${where} does not contain a Hugging Face token. Continuing without it.`
        : `The Hub rejected the token found in ${where}. Continuing without it.`,
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
        message: `${failure.message} Using ${cachedWords(repo, revision, commit)}.`,
        hint: "All of its files are cached. Run heros again later to check for newer ones.",
      }),
  };
}

function cachedWords(repo: string, revision: string, commit: string): string {
  const named = parseOllamaRepo(repo);
  return named === null
    ? `${repo} as cached: ${revision} at commit ${commit.slice(0, 7)}`
    : `${calledOllama(named, revision)} as cached`;
}

/** Tokens of the environment, of the Hub's token file, and of an earlier setup, as answers to the question of the token. */
export async function foundTokens(host: Host, stackDir: string | null): Promise<FoundToken[]> {
  const [found, kept] = await Promise.all([
    findTokens(host),
    stackDir === null ? [] : keptToken(host, keptTokenFile(stackDir)),
  ]);
  const tokens = found.map(({ token, source, where }) => ({
    answer: { source, token, where },
    where,
  }));
  const isNew = (token: Secret): boolean =>
    tokens.every(({ answer }) => !answer.token.equals(token));
  return [...tokens, ...kept.filter(({ answer }) => isNew(answer.token))];
}

async function keptToken(host: Host, file: string): Promise<FoundToken[]> {
  const value = (await host.files.readFile(file, "utf8").catch(() => "")).trim();
  if (!/^[\x21-\x7e]+$/.test(value)) return [];
  const where = file.startsWith(`${host.home}/`) ? `~${file.slice(host.home.length)}` : file;
  return [{ answer: { source: "kept", token: new Secret(value), where }, where }];
}

/** The token itself, for the Hub. */
export function tokenOf(answer: TokenAnswer): Secret | null {
  return answer.source === "none" ? null : answer.token;
}

/** The token where nobody is asked: the one that was given, else the first that is found. */
export async function givenToken(
  host: Host,
  { tokenFile }: { readonly tokenFile: TokenAnswer | null },
): Promise<TokenAnswer> {
  return tokenFile ?? (await foundTokens(host, null))[0]?.answer ?? { source: "none" };
}

/**
 * Asks an address of the Hub as a download does, once: for the files of the catalog's first model that comes from it, and
 * whether one of them can be had.
 * @param tokenIsAsked a person is still asked for a token, so that what only a token is missing for passes
 */
export function tryHubOf(
  { host }: Pick<Work, "host">,
  fetching: Fetching,
  {
    tokenIsAsked,
    refusedTokens,
  }: {
    readonly tokenIsAsked: boolean;
    /** Gets a token that the Hub refuses. */
    readonly refusedTokens?: Set<Secret>;
  },
): TryHub {
  return async (endpoint, signal) => {
    const part = firstOfHub(fetching.catalog);
    if (part === null) return "unneeded";
    try {
      await ask(endpoint, part, signal);
    } catch (error) {
      const ofToken = error instanceof Failure && error.exitCode === exitCodes.usage;
      if (!tokenIsAsked || !ofToken) throw error;
    }
    return "answered";
  };

  async function ask(endpoint: string, part: RepoFiles, signal: AbortSignal): Promise<void> {
    const token = endpoint === fetching.endpoint ? tokenOf(await givenToken(host, fetching)) : null;
    // Nothing that an earlier run kept, and no waiting: what counts is how it is now.
    const onTokenRefused = () => {
      if (token !== null) refusedTokens?.add(token);
    };
    const hub = connectHub({ host, endpoint, token, onTokenRefused, forMs: 0 });
    const { commit, files } = await hub.list(part.repo, part.revision, signal);
    const [file] = files;
    if (file !== undefined) await hub.requireAccess(part.repo, commit, file.path, signal);
  }
}

/** Of those that the Hub is asked for. */
function firstOfHub({ models }: Catalog): RepoFiles | null {
  const parts = models
    .toSorted((one, other) => one.priority - other.priority)
    .flatMap((model) => model.parts);
  return parts.find(({ repo, from }) => from === undefined && schemeOf(repo) === "hub") ?? null;
}
