import type { Clock } from "../host/host.ts";
import { Failure } from "../run/failure.ts";
import type { Secret } from "../run/secret.ts";
import type { FileAddress, Hub } from "./source.ts";
import { transientCause, TransientError } from "./transient-error.ts";

/** After a failure, an address is asked last for so long, or for as long as it asks us to wait. */
const demotedMs = 60_000;
/** One that says nothing for so long is not waited for alone: the next is asked beside it. */
const headStartMs = 3000;

/** What another address may do better: the network's and the server's failures, and what a mirror may lack. */
const worthAnother = new Set([
  "hub.unreachable",
  "hub.server_error",
  "hub.rate_limited",
  "hub.captive_portal",
  "hub.redirect_loop",
  "hub.unsafe_redirect",
  "hub.tls",
  "hub.proxy",
  "hub.repo_not_found",
  "hub.revision_not_found",
  "hub.file_not_found",
]);
const absent = /_not_found$/u;

/** Another address took the place of one that failed, or gave it back. */
export interface EndpointSwitch {
  readonly from: string;
  readonly to: string;
  /** Why `from` was left; null where `to`, which is preferred, answers again. */
  readonly error: unknown;
}

export interface Preference {
  readonly clock: Clock;
  readonly memory?: EndpointMemory;
  readonly onSwitch?: ((change: EndpointSwitch) => void) | undefined;
}

/**
 * One Hub made of several, in order of preference: where one fails, the next is asked at once, and the one that failed
 * comes last for a minute. They must serve the same commits; that the bytes are the same, the hashes tell.
 * @throws of what a later try may fix that which asks for the shortest wait, by preference; else what the first threw
 */
export function preferInOrder(
  hubs: readonly [Hub, ...Hub[]],
  { clock, memory = createEndpointMemory(), onSwitch }: Preference,
): Hub {
  const [first] = hubs;
  const { demotedUntilMs } = memory;
  const owners = new WeakMap<FileAddress, Hub>();
  const isDemoted = ({ endpoint }: Hub): boolean =>
    (demotedUntilMs.get(endpoint) ?? Number.NEGATIVE_INFINITY) > clock.monotonicMs();

  /** By preference, those that failed lately last; `passOver` others have been tried for this already. */
  function order(passOver: number): Hub[] {
    const all = [...hubs.filter((hub) => !isDemoted(hub)), ...hubs.filter(isDemoted)];
    const from = passOver % all.length;
    return [...all.slice(from), ...all.slice(0, from)];
  }

  /** Told once: not again by calls that were on their way meanwhile, nor where one file alone is asked of another. */
  function noteAnswer(hub: Hub, errors: ReadonlyMap<Hub, unknown>): void {
    const { endpoint } = hub;
    const from = memory.inUse ?? first.endpoint;
    demotedUntilMs.delete(endpoint);
    if (endpoint === from) return;
    const left = hubs.find((other) => other.endpoint === from);
    const failed = left !== undefined && isDemoted(left) && errors.has(left);
    if (!failed && hub !== first) return;
    memory.inUse = endpoint;
    onSwitch?.({ from, to: endpoint, error: failed ? errors.get(left) : null });
  }

  /** What of another address' failure is worth asking the next for; else it is thrown. */
  function noteFailure(hub: Hub, error: unknown): void {
    const transient = transientCause(error);
    const failed = error instanceof Failure && worthAnother.has(error.code);
    // Of the preferred one, "gated" and its like are the last word; a mirror has no token and may not know better.
    if (transient === null && !failed && hub === first) throw error;
    if (transient === null && !(error instanceof Failure)) throw error;
    if (transient === null && !(failed && !absent.test(error.code))) return;
    demotedUntilMs.set(hub.endpoint, clock.monotonicMs() + (transient?.waitMs ?? demotedMs));
  }

  /** One after the other. */
  async function ask<T>(signal: AbortSignal, passOver: number, call: (hub: Hub) => Promise<T>) {
    const errors = new Map<Hub, unknown>();
    for (const hub of order(passOver)) {
      try {
        const answer = await call(hub);
        if (passOver === 0) noteAnswer(hub, errors);
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        noteFailure(hub, error);
        errors.set(hub, error);
      }
    }
    throw soonest(hubs.map((hub) => errors.get(hub)));
  }

  /** The same, but one that is silent is not waited for alone. */
  async function askSoon<T>(
    signal: AbortSignal,
    call: (hub: Hub, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const errors = new Map<Hub, unknown>();
    const silent = new Set<Hub>();
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const begun = new Map<Hub, Promise<{ hub: Hub; answer?: T; error?: unknown }>>();
    try {
      for (const waiting = order(0); waiting.length > 0 || begun.size > 0;) {
        const next = waiting.shift();
        if (next !== undefined) {
          const asked = call(next, either);
          begun.set(
            next,
            asked.then(
              (answer) => ({ hub: next, answer }),
              (error: unknown) => ({ hub: next, error }),
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
        const { hub } = settled;
        begun.delete(hub);
        if (!("error" in settled)) {
          for (const other of silent) {
            if (!begun.has(other)) continue;
            const error = new TransientError("network", "the connection went silent");
            noteFailure(other, error);
            errors.set(other, error);
          }
          noteAnswer(hub, errors);
          return settled.answer as T;
        }
        noteFailure(hub, settled.error);
        errors.set(hub, settled.error);
      }
    } finally {
      over.abort();
    }
    throw soonest(hubs.map((hub) => errors.get(hub)));
  }

  return {
    endpoint: first.endpoint,
    offline: first.offline,
    list: (repo, revision, signal) =>
      askSoon(signal, (hub, either) => hub.list(repo, revision, either)),
    failureOf: (error) => first.failureOf(error),
    scopeOf: (failure) => first.scopeOf(failure),
    whoAmI: (signal) => first.whoAmI(signal),
    requireAccess: (repo, commit, path, signal) =>
      askSoon(signal, (hub, either) => hub.requireAccess(repo, commit, path, either)),
    async open(request) {
      const { address, signal, passOver } = request;
      if (address !== null) return (owners.get(address) ?? first).open(request);
      return ask(signal, passOver ?? 0, async (hub) => {
        const opened = await hub.open(request);
        if (opened.address !== null) owners.set(opened.address, hub);
        return opened;
      });
    },
  };
}

function soonest(errors: readonly unknown[]): unknown {
  const passing = errors.filter((error) => transientCause(error) !== null);
  const waitOf = (error: unknown): number => transientCause(error)?.waitMs ?? 0;
  return passing.toSorted((a, b) => waitOf(a) - waitOf(b))[0] ?? errors[0];
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
