import { followNewest } from "../../record/follow-newest.ts";
import { named } from "../../run/assistant.ts";
import type { Emit } from "../../run/event.ts";
import { failure } from "../../run/failures/table.ts";
import { cacheBytes } from "../../store/hub-cache/cache-bytes.ts";
import type { Site } from "../../serve/server.ts";
import { createEventLog, type EventLog } from "../../serve/watch/event-log.ts";
import { eventsSite } from "../../serve/watch/events-site.ts";
import type { Watchers, WatchPolicy } from "../../serve/watch/may-watch.ts";
import { metricsSite } from "../../serve/watch/metrics-site.ts";
import { createTraffic, type Traffic } from "../../serve/watch/traffic.ts";
import type { Work } from "../command-request.ts";

export interface WatchServer {
  readonly policy: WatchPolicy;
  readonly herosVersion: string;
  readonly stateDir: string;
  readonly cacheDir: string;
}

/** What a server tells of itself: to who started it, and to who asks it. */
export interface WatchedServer {
  /** Instead of the run's own: who listens hears it, too. */
  readonly emit: Emit;
  readonly traffic: Traffic;
  /** `/metrics`, `/events`, `/events/setup` */
  readonly sites: readonly Site[];
  close(): void;
}

export function watchServer(
  work: Pick<Work, "host" | "emit" | "signal" | "elapsedMs">,
  { policy, herosVersion, stateDir, cacheDir }: WatchServer,
): WatchedServer {
  const { host, signal, elapsedMs } = work;
  // As no other start of it has it.
  const epoch = host.clock.now().getTime().toString(36);
  const log = createEventLog(epoch);
  const setupLog = createEventLog(`${epoch}s`);
  const emit: Emit = (event) => {
    log.write({ v: 1, at: elapsedMs(), ...named(event, null) });
    work.emit(event);
  };
  const traffic = createTraffic({ clock: host.clock, emit });
  const own = { type: "run.started", command: "serve", herosVersion, demo: false } as const;
  log.write({ v: 1, at: 0, ...own, stages: [] });
  const events = eventsSite({
    policy,
    logs: {
      "/events": { log },
      "/events/setup": { log: setupLog, open: followShared({ host, signal, stateDir }, setupLog) },
    },
  });
  const metrics = metricsSite({
    host,
    policy,
    herosVersion,
    figures: () => traffic.figures(),
    listeners: () => events.listeners(),
    cacheBytes: () => cacheBytes(host.files, cacheDir, signal),
  });
  return { emit, traffic, sites: [metrics, events], close: () => traffic.close() };
}

/** Follows the records of this machine as long as anybody listens. */
function followShared(
  { host, signal, stateDir }: Pick<Work, "host" | "signal"> & { readonly stateDir: string },
  log: EventLog,
): () => () => void {
  let listeners = 0;
  let stop = new AbortController();

  async function follow(own: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, own]);
    for await (const event of followNewest({ host, stateDir, signal: either })) {
      if (own.aborted) return;
      if (event === "begins") log.restart();
      else log.write(event);
    }
  }

  return () => {
    listeners += 1;
    if (listeners === 1) {
      stop = new AbortController();
      follow(stop.signal).catch(() => {});
    }
    return () => {
      listeners -= 1;
      if (listeners === 0) stop.abort();
    };
  };
}

/** @throws Failure `settings.bad_value` (2) */
export function parseWatchers(name: string, text: string): Watchers {
  const value = text.trim().toLowerCase();
  if (value === "machine" || value === "network" || value === "nobody") return value;
  throw failure("settings.bad_value", { name, value: text, right: "machine, network or nobody" });
}

/** Origins as browsers send them. @throws Failure `settings.bad_value` (2) */
export function parseOrigins(name: string, text: string): readonly string[] {
  return text.split(",").map((value) => {
    const url = URL.parse(value.trim());
    const isOrigin = url !== null && /^https?:$/u.test(url.protocol) && url.pathname === "/";
    if (isOrigin && url.search === "" && url.hash === "" && !value.includes("@")) return url.origin;
    const right = "the origin of a page, for example http://spark-1:8000";
    throw failure("settings.bad_value", { name, value, right });
  });
}
