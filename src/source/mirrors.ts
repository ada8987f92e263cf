import type { Clock } from "../host/host.ts";
import { Failure } from "../run/failure.ts";
import type { Secret } from "../run/secret.ts";
import type { FileAddress, Source } from "./source.ts";
import { transientCause, TransientError } from "./retry-policy.ts";

/** After a failure, an address is asked last for so long, or for as long as it asks us to wait. */
const demotedMs = 60_000;
/** One that says nothing for so long is not waited for alone: the next is asked beside it. */
const headStartMs = 3000;

/** What another address may do better: the network's and the server's failures, and what a mirror may lack. */
const worthAnother =
  /^(?:hub|registry|s3)\.(?:unreachable|server_error|rate_limited|captive_portal|redirect_loop|unsafe_redirect|tls|proxy|\w+_not_found)$/u;
const absent = /_not_found$/u;

/** Another address took the place of one that failed, or gave it back. */
export interface EndpointSwitch {
  readonly from: string;
  readonly to: string;
  /** Why `from` was left; null where `to`, which is preferred, answers again. */
  readonly error: unknown;
}

export interface Preference<Each extends Source> {
  readonly clock: Clock;
  readonly memory?: EndpointMemory;
  /** Whose files they are: its refusal is the last word, and its failures count. The others mirror it. Default: the first. */
  readonly authority?: Each;
  readonly onSwitch?: ((change: EndpointSwitch) => void) | undefined;
}

/** A source made of several that serve the same files. */
export interface Preferred<Each extends Source> extends Source {
  /** Asks what only these sources know, as `list` does: one that is silent is not waited for alone. */
  askSoon<T>(
    signal: AbortSignal,
    call: (source: Each, signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
}

/**
 * One source made of several, in order of preference: where one fails, the next is asked at once, and the one that failed
 * comes last for a minute. They must serve the same commits; that the bytes are the same, the hashes tell.
 * @throws of what a later try may fix that which asks for the shortest wait, by preference; else what the authority threw
 */
export function preferInOrder<Each extends Source>(
  sources: readonly [Each, ...Each[]],
  { clock, memory = createEndpointMemory(), onSwitch, authority = sources[0] }: Preference<Each>,
): Preferred<Each> {
  const [first] = sources;
  const { demotedUntilMs } = memory;
  const owners = new WeakMap<FileAddress, Each>();
  const isDemoted = ({ endpoint }: Each): boolean =>
    (demotedUntilMs.get(endpoint) ?? Number.NEGATIVE_INFINITY) > clock.monotonicMs();

  /** By preference, those that failed lately last; `passOver` others have been tried for this already. */
  function order(passOver: number): Each[] {
    const all = [...sources.filter((source) => !isDemoted(source)), ...sources.filter(isDemoted)];
    const from = passOver % all.length;
    return [...all.slice(from), ...all.slice(0, from)];
  }

  /** Told once: not again by calls that were on their way meanwhile, nor where one file alone is asked of another. */
  function noteAnswer(source: Each, errors: ReadonlyMap<Each, unknown>): void {
    const { endpoint } = source;
    const from = memory.inUse ?? first.endpoint;
    demotedUntilMs.delete(endpoint);
    if (endpoint === from) return;
    const left = sources.find((other) => other.endpoint === from);
    const failed = left !== undefined && isDemoted(left) && errors.has(left);
    if (!failed && source !== first) return;
    memory.inUse = endpoint;
    onSwitch?.({ from, to: endpoint, error: failed ? errors.get(left) : null });
  }

  /** What of another address' failure is worth asking the next for; else it is thrown. */
  function noteFailure(source: Each, error: unknown): void {
    const transient = transientCause(error);
    const failed = error instanceof Failure && worthAnother.test(error.code);
    // Of the authority, "gated" and its like are the last word; a mirror has no token and may not know better.
    if (transient === null && !failed && source === authority) throw error;
    if (transient === null && !(error instanceof Failure)) throw error;
    if (transient === null && !(failed && !absent.test(error.code))) return;
    demotedUntilMs.set(source.endpoint, clock.monotonicMs() + (transient?.waitMs ?? demotedMs));
  }

  /** One after the other. */
  async function ask<T>(signal: AbortSignal, passOver: number, call: (source: Each) => Promise<T>) {
    const errors = new Map<Each, unknown>();
    for (const source of order(passOver)) {
      try {
        const answer = await call(source);
        if (passOver === 0) noteAnswer(source, errors);
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        noteFailure(source, error);
        errors.set(source, error);
      }
    }
    throw soonest(errors);
  }

  /** The same, but one that is silent is not waited for alone. */
  async function askSoon<T>(
    signal: AbortSignal,
    call: (source: Each, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const errors = new Map<Each, unknown>();
    const silent = new Set<Each>();
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const begun = new Map<Each, Promise<{ source: Each; answer?: T; error?: unknown }>>();
    try {
      for (const waiting = order(0); waiting.length > 0 || begun.size > 0;) {
        const next = waiting.shift();
        if (next !== undefined) {
          const asked = call(next, either);
          begun.set(
            next,
            asked.then(
              (answer) => ({ source: next, answer }),
              (error: unknown) => ({ source: next, error }),
            ),
          );
        }
        const patience =
          waiting.length === 0 ? [] : [clock.sleep(headStartMs, either).then(() => null)];
        const settled = await Promise.race([...begun.values(), ...patience]);
        signal.throwIfAborted();
        if (settled === null) {
          if (next !== undefined) silent.add(next);
          continue;
        }
        const { source } = settled;
        begun.delete(source);
        if (!("error" in settled)) {
          for (const other of silent) {
            if (!begun.has(other)) continue;
            const error = new TransientError("network", "the connection went silent");
            noteFailure(other, error);
            errors.set(other, error);
          }
          noteAnswer(source, errors);
          return settled.answer as T;
        }
        noteFailure(source, settled.error);
        errors.set(source, settled.error);
      }
    } finally {
      over.abort();
    }
    throw soonest(errors);
  }

  function soonest(errors: ReadonlyMap<Each, unknown>): unknown {
    const passing = sources
      .map((source) => errors.get(source))
      .filter((error) => transientCause(error) !== null);
    const waitOf = (error: unknown): number => transientCause(error)?.waitMs ?? 0;
    return passing.toSorted((a, b) => waitOf(a) - waitOf(b))[0] ?? errors.get(authority);
  }

  return {
    endpoint: authority.endpoint,
    offline: authority.offline,
    askSoon,
    list: (repo, revision, signal) =>
      askSoon(signal, (source, either) => source.list(repo, revision, either)),
    failureOf: (error, repo) => authority.failureOf(error, repo),
    scopeOf: (failure, repo) => authority.scopeOf(failure, repo),
    requireAccess: (repo, commit, path, signal) =>
      askSoon(signal, (source, either) => source.requireAccess(repo, commit, path, either)),
    async open(request) {
      const { address, signal, passOver } = request;
      if (address !== null) return (owners.get(address) ?? first).open(request);
      return ask(signal, passOver ?? 0, async (source) => {
        const opened = await source.open(request);
        if (opened.address !== null) owners.set(opened.address, source);
        return opened;
      });
    },
  };
}

/** What a run knows of the Hub's addresses and of its own token, whoever asks them. */
export interface EndpointMemory {
  /** Until when one is asked last, by its address. */
  readonly demotedUntilMs: Map<string, number>;
  /** The one that is asked first by now; null while none was left. */
  inUse: string | null;
  /** Tokens that are no longer sent. */
  readonly refusedTokens: Set<Secret>;
}

export function createEndpointMemory(): EndpointMemory {
  return { demotedUntilMs: new Map(), inUse: null, refusedTokens: new Set() };
}
