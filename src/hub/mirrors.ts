import type { Clock } from "../host/host.ts";
import { Failure } from "../progress/failure.ts";
import type { FileAddress } from "./files.ts";
import type { Hub } from "./hub-port.ts";
import { troubleOf } from "./trouble.ts";

/** After a failure, an address is asked last for so long, or for as long as it asks us to wait. */
const restMs = 60_000;

/** What another address may do better: the network's and the server's failures, and what a mirror may lack. */
const worthAnother = new Set([
  "hub.unreachable",
  "hub.server_error",
  "hub.rate_limited",
  "hub.captive_portal",
  "hub.redirect_loop",
  "hub.tls",
  "hub.repo_not_found",
  "hub.revision_not_found",
  "hub.file_not_found",
]);
const absent = /_not_found$/u;

interface Standing {
  readonly hub: Hub;
  restUntilMs: number;
}

/**
 * One Hub made of several, in order of preference: where one fails, the next is asked at once, and the one that failed
 * comes last for a minute. They must serve the same commits; that the bytes are the same, the hashes tell.
 * @throws what the first of them threw that a later try may mend, else what the first threw
 */
export function preferInOrder(hubs: readonly [Hub, ...Hub[]], clock: Clock): Hub {
  const [first] = hubs;
  const standings: Standing[] = hubs.map((hub) => ({ hub, restUntilMs: Number.NEGATIVE_INFINITY }));
  const owners = new WeakMap<FileAddress, Hub>();

  /** By preference, those at rest last; `passOver` others have been tried for this already. */
  function order(passOver: number): Standing[] {
    const nowMs = clock.monotonicMs();
    const awake = standings.filter(({ restUntilMs }) => restUntilMs <= nowMs);
    const resting = standings.filter(({ restUntilMs }) => restUntilMs > nowMs);
    const all = [...awake, ...resting];
    const from = passOver % all.length;
    return [...all.slice(from), ...all.slice(0, from)];
  }

  async function ask<T>(
    signal: AbortSignal,
    call: (hub: Hub) => Promise<T>,
    passOver = 0,
  ): Promise<T> {
    const errors = new Map<Standing, unknown>();
    for (const standing of order(passOver)) {
      try {
        return await call(standing.hub);
      } catch (error) {
        signal.throwIfAborted();
        const trouble = troubleOf(error);
        const failed = error instanceof Failure && worthAnother.has(error.code);
        // Of the preferred one, "gated" and its like are the last word; a mirror has no token and may not know better.
        if (trouble === null && !failed && standing.hub === first) throw error;
        if (trouble === null && !(error instanceof Failure)) throw error;
        errors.set(standing, error);
        if (trouble === null && !(failed && !absent.test(error.code))) continue;
        standing.restUntilMs = clock.monotonicMs() + (trouble?.waitMs ?? restMs);
      }
    }
    const inOrder = standings.map((standing) => errors.get(standing));
    throw inOrder.find((error) => troubleOf(error) !== null) ?? inOrder[0];
  }

  return {
    endpoint: first.endpoint,
    offline: first.offline,
    list: (repo, revision, signal) => ask(signal, (hub) => hub.list(repo, revision, signal)),
    whoAmI: (signal) => first.whoAmI(signal),
    resolveUrl: (repo, commit, path) => first.resolveUrl(repo, commit, path),
    requireAccess: (repo, commit, path, signal) =>
      ask(signal, (hub) => hub.requireAccess(repo, commit, path, signal)),
    async open(request) {
      const { address, signal, passOver } = request;
      if (address !== null) return (owners.get(address) ?? first).open(request);
      return ask(
        signal,
        async (hub) => {
          const opened = await hub.open(request);
          if (opened.address !== null) owners.set(opened.address, hub);
          return opened;
        },
        passOver,
      );
    },
  };
}
