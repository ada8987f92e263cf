import type { Host } from "../host/host.ts";
import type { Emit } from "../progress/event.ts";
import type { Failure } from "../progress/failure.ts";
import { capabilitySentence } from "./capability-words.ts";
import { askHealth, type Health } from "./health.ts";
import { notOnline } from "./not-online.ts";

export interface WatchAnnieRequest {
  readonly host: Host;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Of her health report: `http://127.0.0.1:8000/health`. */
  readonly url: string;
  /** On the host's monotonic clock: when the run began. */
  readonly startedAtMs: number;
  readonly capabilities: {
    /** Without these she is not online. */
    readonly tier1: readonly string[];
    /** These come later. */
    readonly later: readonly string[];
  };
  /** Asked every few seconds until she is online: what keeps a container from running. */
  readonly checkContainers?: (signal: AbortSignal, final: boolean) => Promise<Failure | null>;
  /** How long she may take to come online once her first models are there. Default 10 minutes. */
  readonly onlineTimeoutMs?: number;
  /** How long the later capabilities may take once every model is there. Default 10 minutes. */
  readonly laterTimeoutMs?: number;
}

/** Someone who watches Annie until everything she should be able to do is there. */
export interface AnnieWatch {
  /**
   * Fulfils when she is online.
   * @throws Failure `annie.container_failed` (1), `annie.unreachable` (1), `annie.degraded` (3); AbortError
   */
  readonly online: Promise<Health>;
  /**
   * Fulfils when she can do everything, or when time is up, with what is missing still.
   * @throws what `online` throws
   */
  readonly complete: Promise<{ readonly health: Health; readonly missing: readonly string[] }>;
  /** The models of tier 1 are in the cache: from now on she must come. */
  tier1Ready(): void;
  /** Every chosen model is in the cache: from now on the rest must come. */
  allReady(): void;
  /** Ends the watch; promises that are open are rejected with an AbortError. */
  stop(): void;
}

const firstPollMs = 1000;
const lastPollMs = 3000;
const containerCheckMs = 5000;

/** Polls Annie's health and tells what changes: her status, that she is online, each capability as it comes. */
export function watchAnnie(request: WatchAnnieRequest): AnnieWatch {
  const { host, emit, signal, url, startedAtMs, capabilities, checkContainers } = request;
  const stopped = new AbortController();
  const both = AbortSignal.any([signal, stopped.signal]);
  const online = Promise.withResolvers<Health>();
  const complete = Promise.withResolvers<{ health: Health; missing: readonly string[] }>();
  // Whoever waits for one of them alone must not be hit by the other's rejection.
  online.promise.catch(() => {});
  complete.promise.catch(() => {});

  const wanted = [...capabilities.tier1, ...capabilities.later];
  const ready = new Set<string>();
  let told = "";
  let isOnline = false;
  let tier1AtMs: number | null = null;
  let allAtMs: number | null = null;
  let nap = new AbortController();

  function take(health: Health): void {
    const key = JSON.stringify([health.status, health.capabilities, health.models]);
    if (key !== told) emit({ type: "annie.health", ...health });
    told = key;
    if (!isOnline && isHealthy(health) && capabilities.tier1.every((name) => can(health, name))) {
      isOnline = true;
      const elapsedMs = Math.round(host.clock.monotonicMs() - startedAtMs);
      emit({ type: "annie.online", elapsedMs, url: new URL(url).origin });
      online.resolve(health);
    }
    for (const [name, has] of Object.entries(health.capabilities)) {
      if (!has || ready.has(name)) continue;
      ready.add(name);
      emit({ type: "capability.ready", name, message: capabilitySentence(name) });
    }
  }

  async function watch(): Promise<void> {
    const beganAtMs = host.clock.monotonicMs();
    let checkedAtMs = beganAtMs;
    for (;;) {
      const answer = await askHealth(host, url, both);
      const { health } = answer;
      take(health);
      const nowMs = host.clock.monotonicMs();
      const missing = wanted.filter((name) => !can(health, name));
      if (isOnline) {
        const late = allAtMs !== null && nowMs - allAtMs >= (request.laterTimeoutMs ?? 600_000);
        if ((isHealthy(health) && missing.length === 0) || late) {
          complete.resolve({ health, missing });
          return;
        }
      } else {
        const late =
          tier1AtMs !== null && nowMs - tier1AtMs >= (request.onlineTimeoutMs ?? 600_000);
        if (late || nowMs - checkedAtMs >= containerCheckMs) {
          checkedAtMs = nowMs;
          // What she says of herself counts for more than that Docker calls her unhealthy.
          const failure = (await checkContainers?.(both, late && answer.from !== "annie")) ?? null;
          if (failure !== null) throw failure;
          if (late) throw notOnline({ answer, url, tier1: capabilities.tier1 });
        }
      }
      // Once all models are here, what is missing should come any moment.
      const waitedMs = allAtMs === null ? nowMs - beganAtMs : nowMs - allAtMs;
      nap = new AbortController();
      await host.clock
        .sleep(
          pollDelayMs(waitedMs, isOnline && allAtMs === null),
          AbortSignal.any([both, nap.signal]),
        )
        .catch(() => both.throwIfAborted());
    }
  }

  watch().catch((error: unknown) => {
    const reason: unknown = both.aborted ? both.reason : error;
    online.reject(reason);
    complete.reject(reason);
  });

  return {
    online: online.promise,
    complete: complete.promise,
    tier1Ready: () => (tier1AtMs ??= host.clock.monotonicMs()),
    allReady: () => {
      allAtMs ??= host.clock.monotonicMs();
      nap.abort();
    },
    stop: () => stopped.abort(),
  };
}

/** Every second at first; every three when it takes long, and while she is online and models are still on their way. */
function pollDelayMs(waitedMs: number, isOnlyWatched: boolean): number {
  if (isOnlyWatched) return lastPollMs;
  return Math.min(lastPollMs, firstPollMs + Math.floor(waitedMs / 30_000) * 500);
}

function isHealthy(health: Health): boolean {
  return health.status === "healthy";
}

function can(health: Health, name: string): boolean {
  return health.capabilities[name] === true;
}
