import type { Health } from "./contracts.ts";
import type { StackWatch, Voice } from "../docker/watch-containers.ts";
import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import { warningOf } from "../run/events/run.ts";
import type { Failure } from "../run/failure.ts";
import { type Answer, askHealth, can, type HealthQuestion, isGood, notOnline } from "./health.ts";
import { goodChecksSince, isNotOurs, looksUnwell } from "./evidence.ts";

export interface WatchStackRequest {
  readonly host: Host;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly question: HealthQuestion;
  /** On the host's monotonic clock: when the run began. */
  readonly startedAtMs: number;
  readonly capabilities: {
    /** Without these it is not online. */
    readonly required: readonly string[];
    /** These come later. */
    readonly later: readonly string[];
  };
  /** What a capability means to a person, as a sentence. */
  readonly sentenceOf: (name: string) => string;
  /** Looked at every few seconds to the end of the watch: what keeps a container, or Docker, from running. */
  readonly containers?: StackWatch;
  /** How long it may take to come online once the first models are there. Default 10 minutes. */
  readonly onlineTimeoutMs?: number;
  /** How long the later capabilities may take once every model is there. Default 10 minutes. */
  readonly laterTimeoutMs?: number;
}

export interface StackOnline {
  readonly health: Health;
  /** From the start of the run to the first of the answers that made it so. */
  readonly elapsedMs: number;
}

/** Watches a stack, and its containers, until everything it should be able to do is there. */
export interface HealthWatch {
  /**
   * Fulfils when it is online: healthy and able to do what the required models give, steadily.
   * @throws Failure `annie.container_failed` (1), `annie.unreachable` (1), `annie.degraded` (3), `annie.unsteady` (3),
   * and of Docker (4); AbortError
   */
  readonly online: Promise<StackOnline>;
  /**
   * Fulfils once every model is there and the stack is steadily healthy and can do everything, or, when time is up, with what
   * is missing still.
   * @throws what `online` throws, later too
   */
  readonly complete: Promise<{ readonly health: Health; readonly missing: readonly string[] }>;
  /** The required models are in the cache: from now on it must come. */
  requiredReady(): void;
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
/** How often it is asked meanwhile, so that health that comes and goes is not taken for steady. */
const steadyPollMs = 500;
/** So many times well and then not, in this time, and it is told to be unstable; how long it takes is up to the stack. */
const flaps = { count: 3, withinMs: 60_000 };

/** Polls the health of a stack and tells what changes: its status, that it is online, each capability as it comes. */
export function watchStack(request: WatchStackRequest): HealthWatch {
  const { host, emit, signal, question, startedAtMs, capabilities, containers } = request;
  const { url, contract } = question;
  const { required } = capabilities;
  const stopped = new AbortController();
  const both = AbortSignal.any([signal, stopped.signal]);
  const online = Promise.withResolvers<StackOnline>();
  const complete = Promise.withResolvers<{ health: Health; missing: readonly string[] }>();
  // Whoever waits for one of them alone must not be hit by the other's rejection.
  online.promise.catch(() => {});
  complete.promise.catch(() => {});

  const wanted = [...required, ...capabilities.later];
  const ready = new Set<string>();
  let told = "";
  let isOnline = false;
  /** Since when each of its answers has been good; null while they are not. */
  let goodSinceMs: number | null = null;
  /** The same, with what Docker's own checks heard before this run. */
  let knownSinceMs: number | null = null;
  /** When it was well, and then was not. */
  const relapses: number[] = [];
  let toldUnsteady = false;
  /** Since when something else has answered, without a break. */
  let strangerSinceMs: number | null = null;
  let strangeAnswers = 0;
  /** Since when it has said itself that something is wrong with it. */
  let unwellSinceMs: number | null = null;
  /** Until it was asked, nothing speaks against it. */
  let voice: Voice = "healthy";
  let requiredAtMs: number | null = null;
  let allAtMs: number | null = null;
  let nap = new AbortController();

  const isSteady = (nowMs: number) => knownSinceMs !== null && nowMs - knownSinceMs >= steadyMs;

  function take({ health, from, isDefinite }: Answer): void {
    const key = JSON.stringify([health.status, health.capabilities, health.models]);
    if (key !== told) emit({ type: "annie.health", ...health });
    told = key;
    const nowMs = host.clock.monotonicMs();
    if (isGood(health, required)) {
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
    const isUnwell = from === "stack" && goodSinceMs === null && health.status !== "starting";
    unwellSinceMs = isUnwell ? (unwellSinceMs ?? nowMs) : null;
    voice = from !== "stack" ? "silent" : goodSinceMs === null ? "unwell" : "healthy";
    for (const [name, has] of Object.entries(health.capabilities)) {
      if (!has || ready.has(name)) continue;
      ready.add(name);
      emit({ type: "capability.ready", name, message: request.sentenceOf(name) });
    }
  }

  function noteOnline(health: Health): void {
    if (isOnline || goodSinceMs === null || !isSteady(host.clock.monotonicMs())) return;
    isOnline = true;
    const elapsedMs = Math.max(0, Math.round(goodSinceMs - startedAtMs));
    emit({ type: "annie.online", elapsedMs, url: url });
    online.resolve({ health, elapsedMs });
  }

  /** What Docker heard before this run counts, too: an `up` that changed nothing needs no new proof of steadiness. */
  function recallChecks(): void {
    const checks = containers?.own()?.details?.checks;
    if (goodSinceMs === null || checks === undefined) return;
    const sinceMs = goodChecksSince(checks, {
      contract,
      required,
      nowMs: host.clock.now().getTime(),
    });
    if (sinceMs === null) return;
    const agoMs = host.clock.now().getTime() - sinceMs;
    knownSinceMs = Math.min(goodSinceMs, host.clock.monotonicMs() - agoMs);
  }

  const described = async (answer: Answer, counted = 0): Promise<Failure> => {
    const logLines = await containers?.lastLines(both);
    const lines = logLines === undefined ? {} : { logLines };
    return notOnline({ answer, question, required, relapses: counted, ...lines });
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
    const port = Number(new URL(url === "" ? "http://127.0.0.1:0" : url).port);
    const wallMs = host.clock.now().getTime();
    if (isStranger && own !== null && isNotOurs(own, { contract, port, nowMs: wallMs })) {
      throw await described(answer);
    }
    const { status } = answer.health;
    const since = { unwellSinceMs, modelsSinceMs: requiredAtMs, nowMs };
    if (answer.from === "stack" && looksUnwell(status, since)) throw await described(answer);
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
      const [answer] = await Promise.all([askHealth(host, question, both), checking]);
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
        : isOver(requiredAtMs, nowMs, request.onlineTimeoutMs);
      if (late) {
        // What a stack says of itself counts for more than that Docker calls it unhealthy.
        await look(answer.from !== "stack");
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
    requiredReady: () => (requiredAtMs ??= host.clock.monotonicMs()),
    allReady: () => {
      allAtMs ??= host.clock.monotonicMs();
      nap.abort();
    },
    stop: () => stopped.abort(),
  };
}

/** Every second at first; every three when it takes long, and while it is online and models are still on their way. */
function pollDelayMs(waitedMs: number, isOnlyWatched: boolean): number {
  if (isOnlyWatched) return lastPollMs;
  return Math.min(lastPollMs, firstPollMs + Math.floor(waitedMs / 30_000) * 500);
}

function isOver(sinceMs: number | null, nowMs: number, limitMs = 600_000): boolean {
  return sinceMs !== null && nowMs - sinceMs >= limitMs;
}
