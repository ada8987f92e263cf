import { z } from "zod";
import { isLoopback, type Reach } from "../../host/network.ts";
import { untilAborted } from "../../run/concurrency.ts";
import { parseJson } from "../../run/json.ts";
import type { FoundLogin, RegistryLogin } from "../../run/secret.ts";
import { readBody, sendRequest, type Server, type SourceRequest } from "../request.ts";
import { TransientError, transientErrorOf } from "../retry-policy.ts";
import { failureOfError, requestFailures, type RegistryName } from "./failures.ts";

/** One way to log in that a 401 offers. */
export interface Challenge {
  /** In small letters: "bearer", "basic". */
  readonly scheme: string;
  /** By their names in small letters. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** No registry says so much. */
const maxChallengeLength = 8192;

/**
 * The challenges of a `WWW-Authenticate` header (RFC 9110, 11.6.1), several of which may stand in one line. What can't be read
 * ends it, and what stands before counts; values without quotes may hold what only quoted ones should, as some registries write.
 */
export function parseChallenges(header: string): Challenge[] {
  const text = header.slice(0, maxChallengeLength);
  const found: { scheme: string; parameters: Map<string, string> }[] = [];
  const words =
    /[\s,]*(?<name>[!#$%&'*+.^_`|~\w-]+)(?:\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<bare>[^\s,"]+)))?(?=[\s,]|$)/suy;
  for (let match = words.exec(text); match?.groups !== undefined; match = words.exec(text)) {
    const { name = "", quoted, bare } = match.groups;
    const value = quoted?.replaceAll(/\\(.)/gsu, "$1") ?? bare;
    const current = found.at(-1);
    if (value === undefined) {
      found.push({ scheme: name.toLowerCase(), parameters: new Map() });
    } else if (current !== undefined && !current.parameters.has(name.toLowerCase())) {
      current.parameters.set(name.toLowerCase(), value);
    }
  }
  return found;
}

/** How a registry wants to know who asks, as its 401 said. */
type Way = { readonly scheme: "basic" } | BearerWay;

interface BearerWay {
  readonly scheme: "bearer";
  /** Of the token service. */
  readonly realm: URL;
  readonly service: string | null;
  readonly scope: string;
  /** Of the registry, which sent us there. */
  readonly reach: Reach;
}

/** What a 401 was an answer to. */
export interface RefusedRequest {
  readonly repository: string;
  /** The `Authorization` that was not enough; null where there was none. */
  readonly sent: string | null;
  /** The answer's `WWW-Authenticate`. */
  readonly challenges: string;
  readonly reach: Reach;
}

export interface LoginState {
  /** A login went along, and is known there. */
  readonly used: boolean;
  readonly refused: boolean;
  /** Why one that Docker keeps can't be had. */
  readonly problem: string | null;
}

export interface Authorization {
  /** The `Authorization` of a request for this repository; null before the registry has asked for one. A token is renewed before it ends. */
  headerFor(repository: string, signal: AbortSignal): Promise<string | null>;
  /** Another one, after a 401; null where there is none. */
  anotherAfter(refused: RefusedRequest, signal: AbortSignal): Promise<string | null>;
  /** That header was not enough either: a password that the registry itself was given is no longer good. */
  noteRefused(header: string): void;
  loginState(): LoginState;
}

export interface AuthorizationOptions {
  readonly host: Server["host"];
  readonly at: RegistryName;
  /** The login that Docker keeps for this registry. Asked once, and only where the registry wants to know who we are. */
  readonly findLogin: (signal: AbortSignal) => Promise<FoundLogin>;
  readonly onLoginRefused: () => void;
  /** For one answer of a token service. */
  readonly answerLimitMs: number;
}

/** Who we are to one registry: the login that Docker keeps, or the tokens that are given for it, or to anybody. */
export function createAuthorization(options: AuthorizationOptions): Authorization {
  const { host, at } = options;
  const ways = new Map<string, Way>();
  const tokens = new Map<string, SharedCall<Token>>();
  const findLogin = shareCall(options.findLogin);
  const state = { used: false, refused: false, problem: null as string | null };

  async function usableLogin(signal: AbortSignal): Promise<RegistryLogin | null> {
    if (state.refused) return null;
    const { login, problem } = await findLogin(signal);
    state.problem = problem;
    return login;
  }

  function refuseLogin(): void {
    if (state.refused) return;
    state.refused = true;
    state.used = false;
    options.onLoginRefused();
  }

  function noteRefused(header: string): void {
    if (header.startsWith("Basic ")) refuseLogin();
  }

  async function basicLogin(signal: AbortSignal): Promise<string | null> {
    const login = await usableLogin(signal);
    if (login?.kind !== "password") return null;
    state.used = true;
    return basicHeader(login);
  }

  /** A login that is no longer good would hide what everybody may see: without it, anybody's token is asked for. */
  async function fetchToken(way: BearerWay, signal: AbortSignal): Promise<Token> {
    const login = await usableLogin(signal);
    if (login !== null) {
      const answer = await requestToken(options, way, login, signal);
      if (typeof answer === "object") {
        state.used = true;
        return answer;
      }
      if (answer === "login-refused") refuseLogin();
      else state.used = true;
    }
    const answer = await requestToken(options, way, null, signal);
    // Without one the registry says itself what anybody may have.
    return typeof answer === "object" ? answer : { header: null, expiresMs: 0 };
  }

  /** One token for all who ask for the same, as long as it lasts. */
  async function bearerToken(
    way: BearerWay,
    refused: string | null,
    signal: AbortSignal,
  ): Promise<string | null> {
    const key = JSON.stringify([way.realm.href, way.service, way.scope]);
    for (;;) {
      const known = tokens.get(key);
      const ask = known ?? shareCall((own) => fetchToken(way, own));
      tokens.set(key, ask);
      const { header, expiresMs } = await ask(signal);
      const lasts = expiresMs > host.clock.monotonicMs() && header !== refused;
      if (!lasts && tokens.get(key) === ask) tokens.delete(key);
      if (lasts || known === undefined) return header;
    }
  }

  return {
    async headerFor(repository, signal) {
      const way = ways.get(repository);
      if (way === undefined) return null;
      return way.scheme === "basic" ? basicLogin(signal) : bearerToken(way, null, signal);
    },
    async anotherAfter({ repository, sent, challenges, reach }, signal) {
      const way = chooseWay(parseChallenges(challenges), { at, repository, reach });
      if (way === null) return null;
      ways.set(repository, way);
      const header =
        way.scheme === "basic" ? await basicLogin(signal) : await bearerToken(way, sent, signal);
      if (header !== sent) return header;
      if (sent !== null) noteRefused(sent);
      return null;
    },
    noteRefused,
    loginState: () => state,
  };
}

/** @throws Failure where a token service could be sent a login that others can read */
function chooseWay(
  challenges: readonly Challenge[],
  { at, repository, reach }: { at: RegistryName; repository: string; reach: Reach },
): Way | null {
  const bearer = challenges.find(
    ({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"),
  );
  if (bearer === undefined) {
    return challenges.some(({ scheme }) => scheme === "basic") ? { scheme: "basic" } : null;
  }
  const { parameters } = bearer;
  const realm = URL.parse(parameters.get("realm") ?? "");
  const guarded = realm?.protocol === "https:" || isOwnHttp(realm);
  if (realm === null || !guarded || `${realm.username}${realm.password}` !== "") {
    throw requestFailures(at).strange("it asks for a login at an address that is not safe");
  }
  return {
    scheme: "bearer",
    realm,
    service: parameters.get("service") ?? null,
    scope: parameters.get("scope") ?? `repository:${repository}:pull`,
    reach,
  };
}

function isOwnHttp(url: URL | null): boolean {
  return url?.protocol === "http:" && isLoopback(url.hostname);
}

interface Token {
  readonly header: string | null;
  /** By the monotonic clock; somewhat before it ends. */
  readonly expiresMs: number;
}

const tokenAnswer = z.object({
  token: z.string().optional().catch(undefined),
  access_token: z.string().optional().catch(undefined),
  expires_in: z.number().positive().optional().catch(undefined),
});
const maxTokenBytes = 1024 * 1024;
const defaultLifeSeconds = 60;
const maxLifeSeconds = 24 * 60 * 60;
/** So much before its end a token is renewed: a request takes its time. */
const renewal = { mostMs: 10_000, part: 0.25 };

/**
 * One token, as https://distribution.github.io/distribution/spec/auth/ says: asked for with the login, or as anybody, or by
 * an identity token.
 * @returns "login-refused" for a login that is not accepted, "denied" for one that may not have what was asked for
 * @throws TransientError, Failure, AbortError
 */
async function requestToken(
  { host, at, answerLimitMs: timeLimitMs }: AuthorizationOptions,
  way: BearerWay,
  login: RegistryLogin | null,
  signal: AbortSignal,
): Promise<Token | "login-refused" | "denied"> {
  const { realm, reach: noNearerThan } = way;
  const server: Server = {
    host,
    name: realm.host,
    // The login is the token service's alone.
    authorization: (url): Record<string, string> =>
      login?.kind === "password" && new URL(url).origin === realm.origin
        ? { authorization: basicHeader(login) }
        : {},
    failures: requestFailures(at),
  };
  const { strange } = server.failures;
  const askedMs = host.clock.monotonicMs();
  const common = { signal, timeLimitMs, noNearerThan, redirects: "all" as const };
  try {
    const { response } = await sendRequest(server, { ...tokenRequest(way, login), ...common });
    const { status } = response;
    const body = await readBody(response, server.failures, maxTokenBytes);
    if (status === 401 || (status === 400 && login !== null)) return "login-refused";
    if (status === 403) return "denied";
    if (status !== 200) throw strange(`status ${status} from its token service, ${realm.host}`);
    const answer = tokenAnswer.safeParse(parseJson(body?.toString("utf8") ?? "")).data;
    const text = answer?.token ?? answer?.access_token ?? "";
    if (!/^[\x21-\x7e]+$/u.test(text)) {
      throw strange(`no token in the answer of its token service, ${realm.host}`);
    }
    const lifeMs = Math.min(maxLifeSeconds, answer?.expires_in ?? defaultLifeSeconds) * 1000;
    const earlyMs = Math.min(renewal.mostMs, lifeMs * renewal.part);
    return { header: `Bearer ${text}`, expiresMs: askedMs + lifeMs - earlyMs };
  } catch (error) {
    signal.throwIfAborted();
    throw ofTokenService(error, realm);
  }
}

function tokenRequest(
  { realm, service, scope }: BearerWay,
  login: RegistryLogin | null,
): Pick<SourceRequest, "url" | "method" | "headers" | "body"> {
  const fields = new URLSearchParams({ ...(service === null ? {} : { service }), scope });
  if (login?.kind === "identity-token") {
    fields.set("grant_type", "refresh_token");
    fields.set("client_id", "heros");
    fields.set("refresh_token", login.token.reveal());
    return {
      url: realm.href,
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: fields.toString(),
    };
  }
  const url = new URL(realm);
  for (const [name, value] of fields) url.searchParams.append(name, value);
  if (login !== null) url.searchParams.append("account", login.username);
  return { url: url.href };
}

/** The token service's name goes along: it is another server than the registry. */
function ofTokenService(error: unknown, realm: URL): unknown {
  const transient = transientErrorOf(error);
  if (transient === null) {
    return failureOfError(error, { registry: realm.host, address: realm.origin });
  }
  const { kind, message, waitMs: ms, until } = transient;
  if (kind === "rate-limited") return transient;
  const wait = ms === null || until === null ? null : { ms, until };
  return new TransientError(kind, `${message} (${realm.host})`, wait, error);
}

function basicHeader({ username, password }: RegistryLogin & { kind: "password" }): string {
  const pair = Buffer.from(`${username}:${password.reveal()}`, "utf8");
  return `Basic ${pair.toString("base64")}`;
}

type SharedCall<T> = (signal: AbortSignal) => Promise<T>;

/** One call for all who want its answer, which is kept. It is stopped when nobody waits for it any longer, and made again after an error. */
function shareCall<T>(call: (signal: AbortSignal) => Promise<T>): SharedCall<T> {
  let current: { answer: Promise<T>; stop: AbortController; waiting: number } | null = null;
  return async (signal) => {
    if (current === null) {
      const stop = new AbortController();
      current = { answer: call(stop.signal), stop, waiting: 0 };
      current.answer.catch(() => {});
    }
    const mine = current;
    mine.waiting += 1;
    try {
      return await untilAborted(mine.answer, signal);
    } catch (error) {
      if (!signal.aborted && current === mine) current = null;
      throw error;
    } finally {
      mine.waiting -= 1;
      if (mine.waiting === 0 && signal.aborted) {
        mine.stop.abort();
        if (current === mine) current = null;
      }
    }
  };
}
