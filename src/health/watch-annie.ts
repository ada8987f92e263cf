import type { StackWatch, Voice } from "../docker/watch-containers.ts";
import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import { capabilitySentence } from "../run/capabilities.ts";
import { warningOf } from "../run/events/run.ts";
import type { Failure } from "../run/failure.ts";
import { type Answer, askHealth, can, type Health, isGood, notOnline } from "./health.ts";
import { goodChecksSince, isNotHers, looksUnwell } from "./evidence.ts";

export interface WatchAnnieRequest {
  readonly host: Host;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Of her health report: `http://127.0.0.1:8000/health`. */
  readonly url: string;
  /** Where her compose files are. */
  readonly stackDir: string;
  /** On the host's monotonic clock: when the run began. */
  readonly startedAtMs: number;
  readonly capabilities: {
    /** Without these she is not online. */
    readonly tier1: readonly string[];
    /** These come later. */
    readonly later: readonly string[];
  };
  /** Looked at every few seconds to the end of the watch: what keeps a container, or Docker, from running. */
  readonly containers?: StackWatch;
  /** How long she may take to come online once her first models are there. Default 10 minutes. */
  readonly onlineTimeoutMs?: number;
  /** How long the later capabilities may take once every model is there. Default 10 minutes. */
  readonly laterTimeoutMs?: number;
}

export interface AnnieOnline {
  readonly health: Health;
  /** From the start of the run to the first of the answers that made her so. */
  readonly elapsedMs: number;
}

/** Someone who watches Annie, and her containers, until everything she should be able to do is there. */
export interface AnnieWatch {
  /**
   * Fulfils when she is online: healthy and able to do what the first tier gives, steadily.
   * @throws Failure `annie.container_failed` (1), `annie.unreachable` (1), `annie.degraded` (3), `annie.unsteady` (3),
   * and of Docker (4); AbortError
   */
  readonly online: Promise<AnnieOnline>;
  /**
   * Fulfils once every model is there and she is steadily healthy and can do everything, or, when time is up, with what
   * is missing still.
   * @throws what `online` throws, later too
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
/** A first good answer is not enough, and neither is the first of a stranger. */
const steadyMs = 3000;
/** How often she is asked meanwhile, so that health that comes and goes is not taken for steady. */
const steadyPollMs = 500;
/** So many times well and then not, in this time, and she is told to be unstable; how long it takes is up to her. */
const flaps = { count: 3, withinMs: 60_000 };

/** Polls Annie's health and tells what changes: her status, that she is online, each capability as it comes. */
export function watchAnnie(request: WatchAnnieRequest): AnnieWatch {
  const { host, emit, signal, url, stackDir, startedAtMs, capabilities, containers } = request;
  const { tier1 } = capabilities;
  const stopped = new AbortController();
  const both = AbortSignal.any([signal, stopped.signal]);
  const online = Promise.withResolvers<AnnieOnline>();
  const complete = Promise.withResolvers<{ health: Health; missing: readonly string[] }>();
  // Whoever waits for one of them alone must not be hit by the other's rejection.
  online.promise.catch(() => {});
  complete.promise.catch(() => {});

  const wanted = [...tier1, ...capabilities.later];
  const ready = new Set<string>();
  let told = "";
  let isOnline = false;
  /** Since when each of her answers has been good; null while they are not. */
  let goodSinceMs: number | null = null;
  /** The same, with what Docker's own checks heard of her before this run. */
  let knownSinceMs: number | null = null;
  /** When she was well, and then was not. */
  const relapses: number[] = [];
  let toldUnsteady = false;
  /** Since when something else than she has answered, without a break. */
  let strangerSinceMs: number | null = null;
  let strangeAnswers = 0;
  /** Since when she herself has said that something is wrong with her. */
  let unwellSinceMs: number | null = null;
  /** Until she was asked, nothing speaks against her. */
  let voice: Voice = "healthy";
  let tier1AtMs: number | null = null;
  let allAtMs: number | null = null;
  let nap = new AbortController();

  const isSteady = (nowMs: number) => knownSinceMs !== null && nowMs - knownSinceMs >= steadyMs;

  function take({ health, from, isDefinite }: Answer): void {
    const key = JSON.stringify([health.status, health.capabilities, health.models]);
    if (key !== told) emit({ type: "annie.health", ...health });
    told = key;
    const nowMs = host.clock.monotonicMs();
    if (isGood(health, tier1)) {
      goodSinceMs ??= nowMs;
      knownSinceMs ??= nowMs;
    } else {
      if (goodSinceMs !== null && isDefinite) relapses.push(nowMs);
      goodSinceMs = null;
      knownSinceMs = null;
    }
    const isStrange = from === "stranger" && isDefinite;
    strangerSinceMs = isStrange ? (strangerSinceMs ?? nowMs) : null;
    strangeAnswers = isStrange ? strangeAnswers + 1 : 0;
    const isUnwell = from === "annie" && goodSinceMs === null && health.status !== "starting";
    unwellSinceMs = isUnwell ? (unwellSinceMs ?? nowMs) : null;
    voice = from !== "annie" ? "silent" : goodSinceMs === null ? "unwell" : "healthy";
    for (const [name, has] of Object.entries(health.capabilities)) {
      if (!has || ready.has(name)) continue;
      ready.add(name);
      emit({ type: "capability.ready", name, message: capabilitySentence(name) });
    }
  }

  function noteOnline(health: Health): void {
    if (isOnline || goodSinceMs === null || !isSteady(host.clock.monotonicMs())) return;
    isOnline = true;
    const elapsedMs = Math.max(0, Math.round(goodSinceMs - startedAtMs));
    emit({ type: "annie.online", elapsedMs, url: new URL(url).origin });
    online.resolve({ health, elapsedMs });
  }

  /** What Docker heard of her before this run counts, too: an `up` that changed nothing needs no new proof of steadiness. */
  function recallChecks(): void {
    const checks = containers?.own()?.details?.checks;
    if (goodSinceMs === null || checks === undefined) return;
    const sinceMs = goodChecksSince(checks, { tier1, nowMs: host.clock.now().getTime() });
    if (sinceMs === null) return;
    const agoMs = host.clock.now().getTime() - sinceMs;
    knownSinceMs = Math.min(goodSinceMs, host.clock.monotonicMs() - agoMs);
  }

  const described = async (answer: Answer, counted = 0): Promise<Failure> => {
    const logLines = await containers?.lastLines(both);
    const lines = logLines === undefined ? {} : { logLines };
    return notOnline({ answer, url, tier1, stackDir, relapses: counted, ...lines });
  };

  /** What can be told before time is up. */
  async function judge(answer: Answer, own: ReturnType<StackWatch["own"]>): Promise<void> {
    const nowMs = host.clock.monotonicMs();
    const lately = relapses.filter((atMs) => nowMs - atMs < flaps.withinMs).length;
    if (lately >= flaps.count && !toldUnsteady) {
      toldUnsteady = true;
      emit(warningOf(await described(answer, lately)));
    }
    const isStranger =
      strangerSinceMs !== null && strangeAnswers >= 3 && nowMs - strangerSinceMs >= steadyMs;
    const port = Number(new URL(url).port);
    const wallMs = host.clock.now().getTime();
    if (isStranger && own !== null && isNotHers(own, { port, nowMs: wallMs })) {
      throw await described(answer);
    }
    const { status } = answer.health;
    const since = { unwellSinceMs, modelsSinceMs: tier1AtMs, nowMs };
    if (answer.from === "annie" && looksUnwell(status, since)) throw await described(answer);
  }

  async function watch(): Promise<void> {
    const beganAtMs = host.clock.monotonicMs();
    let checkedAtMs = Number.NEGATIVE_INFINITY;
    const untilCheckMs = () =>
      containers === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(0, checkedAtMs + containerCheckMs - host.clock.monotonicMs());
    const look = async (final = false): Promise<void> => {
      checkedAtMs = host.clock.monotonicMs();
      const broken = (await containers?.check(both, { voice, final })) ?? null;
      if (broken !== null) throw broken;
    };
    for (let isFirst = true; ; isFirst = false) {
      const own = containers?.own() ?? null;
      const checking = untilCheckMs() === 0 ? look() : null;
      const [answer] = await Promise.all([askHealth(host, url, both), checking]);
      const { health } = answer;
      take(answer);
      if (isFirst) recallChecks();
      noteOnline(health);
      await judge(answer, own);
      const nowMs = host.clock.monotonicMs();
      const missing = wanted.filter((name) => !can(health, name));
      if (isOnline && allAtMs !== null && isSteady(nowMs) && missing.length === 0) {
        complete.resolve({ health, missing });
        return;
      }
      const late = isOnline
        ? isOver(allAtMs, nowMs, request.laterTimeoutMs)
        : isOver(tier1AtMs, nowMs, request.onlineTimeoutMs);
      if (late) {
        // What she says of herself counts for more than that Docker calls her unhealthy.
        await look(answer.from !== "annie");
        if (!isOnline || !isSteady(nowMs)) throw await described(answer, relapses.length);
        complete.resolve({ health, missing });
        return;
      }
      // Once all models are here, what is missing should come any moment.
      const waitedMs = allAtMs === null ? nowMs - beganAtMs : nowMs - allAtMs;
      nap = new AbortController();
      const isPending = (goodSinceMs !== null && !isSteady(nowMs)) || strangerSinceMs !== null;
      const delayMs = isPending
        ? steadyPollMs
        : pollDelayMs(waitedMs, isOnline && allAtMs === null);
      await host.clock
        .sleep(Math.min(delayMs, untilCheckMs()), AbortSignal.any([both, nap.signal]))
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

function isOver(sinceMs: number | null, nowMs: number, limitMs = 600_000): boolean {
  return sinceMs !== null && nowMs - sinceMs >= limitMs;
}
