import { failure } from "../run/failures/table.ts";
import type { AnnieModel } from "../run/events/stack.ts";
import { parseHealthReport } from "../run/health-report.ts";
import { textOf } from "../host/network.ts";
import { capabilitySentence } from "../run/capabilities.ts";
import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import type { Failure } from "../run/failure.ts";
import { notOnlineNow } from "../run/failures/annie.ts";

/** What Annie says of herself, or what is known while she says nothing. */
export interface Health {
  /** `unreachable` until something answers, `starting` until the answer is hers; then her own word. */
  readonly status: string;
  readonly capabilities: Readonly<Record<string, boolean>>;
  readonly models: Readonly<Record<string, AnnieModel>>;
}

export interface Answer {
  readonly health: Health;
  /** Whether it was Annie who answered, something else, or nobody. */
  readonly from: "annie" | "stranger" | "nobody";
}

const nothing = { capabilities: {}, models: {} };

/** An answer longer than this is not a health report. */
const maxBytes = 1024 * 1024;

/** Asks once. Whatever comes back, a refused connection or a web page too, is an answer. @throws AbortError alone */
export async function askHealth(host: Host, url: string, signal: AbortSignal): Promise<Answer> {
  let text: string;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(5000)]);
    const { body } = await host.network.request({ url, signal: limit });
    text = await textOf(body, maxBytes);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    return { health: { status: "unreachable", ...nothing }, from: "nobody" };
  }
  const report = parseHealthReport(text);
  if (report === null) return { health: { status: "starting", ...nothing }, from: "stranger" };
  const { status, capabilities, checks } = report;
  return { health: { status, capabilities, models: checks.models }, from: "annie" };
}

/** What she is to a person. */
export type AnnieState = "online" | "degraded" | "starting" | "absent";

/** @param tier1 capabilities without which she is not online */
export function annieState({ from, health }: Answer, tier1: readonly string[]): AnnieState {
  if (from !== "annie") return "absent";
  if (health.status === "starting") return "starting";
  return isHealthy(health) && tier1.every((name) => can(health, name)) ? "online" : "degraded";
}

export interface NotOnline {
  readonly answer: Answer;
  readonly url: string;
  readonly tier1: readonly string[];
  /** Where her compose files are. */
  readonly stackDir: string;
  /** How often she was well, and then was not. */
  readonly relapses?: number;
}

/** Why Annie is not online although her first models have been there for long. */
export function notOnline({ answer, url, tier1, stackDir, relapses = 0 }: NotOnline): Failure {
  const { health, from } = answer;
  const lacks = tier1.filter((name) => health.capabilities[name] !== true);
  if (relapses > 1) {
    return failure("annie.unsteady", { stackDir, relapses });
  }
  switch (from) {
    case "nobody":
    case "stranger":
      return failure("annie.unreachable", { stackDir, url, from });
    case "annie":
      if (health.status === "starting") {
        return failure("annie.still_starting", { stackDir });
      }
      return failure("annie.degraded", { stackDir, status: health.status, lacks });
  }
}

export interface AskAnnieRequest extends Pick<NotOnline, "tier1" | "stackDir"> {
  readonly signal: AbortSignal;
  /** Where she answers, or should: `http://127.0.0.1:8000`. */
  readonly url: string;
  /** The command that starts her; null where she was not set up. */
  readonly start: string | null;
  /** A setup that starts her is running in the background. */
  readonly inBackground?: boolean;
}

export interface AnnieNow extends Answer {
  readonly state: AnnieState;
  /** Why she is not online, and what would bring her online; null where she is. */
  readonly problem: Failure | null;
}

/** How she is now, for who asks once: nothing is waited for. @throws AbortError alone */
export async function askAnnie(
  host: Host,
  { url, tier1, stackDir, start, inBackground = false, signal }: AskAnnieRequest,
): Promise<AnnieNow> {
  const answer = await askHealth(host, `${url}/health`, signal);
  const state = annieState(answer, tier1);
  if (state === "online") return { ...answer, state, problem: null };
  const reason = notOnline({ answer, url, tier1, stackDir });
  const stranger = answer.from === "stranger";
  return { ...answer, state, problem: notOnlineNow(reason, { inBackground, stranger, start }) };
}

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
  /** Asked every few seconds to the end of the watch: what keeps a container, or Docker, from running. */
  readonly checkContainers?: (signal: AbortSignal, final: boolean) => Promise<Failure | null>;
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
/** A first good answer is not enough. */
const steadyMs = 3000;
/** How often she is asked meanwhile, so that health that comes and goes is not taken for steady. */
const steadyPollMs = 500;

/** Polls Annie's health and tells what changes: her status, that she is online, each capability as it comes. */
export function watchAnnie(request: WatchAnnieRequest): AnnieWatch {
  const { host, emit, signal, url, stackDir, startedAtMs, capabilities, checkContainers } = request;
  const stopped = new AbortController();
  const both = AbortSignal.any([signal, stopped.signal]);
  const online = Promise.withResolvers<AnnieOnline>();
  const complete = Promise.withResolvers<{ health: Health; missing: readonly string[] }>();
  // Whoever waits for one of them alone must not be hit by the other's rejection.
  online.promise.catch(() => {});
  complete.promise.catch(() => {});

  const wanted = [...capabilities.tier1, ...capabilities.later];
  const ready = new Set<string>();
  let told = "";
  let isOnline = false;
  /** Since when each of her answers has been good; null while they are not. */
  let goodSinceMs: number | null = null;
  /** How often she was well, and then was not. */
  let relapses = 0;
  let tier1AtMs: number | null = null;
  let allAtMs: number | null = null;
  let nap = new AbortController();

  function take(health: Health): void {
    const key = JSON.stringify([health.status, health.capabilities, health.models]);
    if (key !== told) emit({ type: "annie.health", ...health });
    told = key;
    const nowMs = host.clock.monotonicMs();
    if (isHealthy(health) && capabilities.tier1.every((name) => can(health, name))) {
      goodSinceMs ??= nowMs;
    } else {
      if (goodSinceMs !== null) relapses += 1;
      goodSinceMs = null;
    }
    if (!isOnline && goodSinceMs !== null && nowMs - goodSinceMs >= steadyMs) {
      isOnline = true;
      const elapsedMs = Math.round(goodSinceMs - startedAtMs);
      emit({ type: "annie.online", elapsedMs, url: new URL(url).origin });
      online.resolve({ health, elapsedMs });
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
      const isSteady = goodSinceMs !== null && nowMs - goodSinceMs >= steadyMs;
      if (isOnline && allAtMs !== null && isSteady && missing.length === 0) {
        complete.resolve({ health, missing });
        return;
      }
      const late = isOnline
        ? isOver(allAtMs, nowMs, request.laterTimeoutMs)
        : isOver(tier1AtMs, nowMs, request.onlineTimeoutMs);
      if (late || nowMs - checkedAtMs >= containerCheckMs) {
        checkedAtMs = nowMs;
        // What she says of herself counts for more than that Docker calls her unhealthy.
        const broken = (await checkContainers?.(both, late && answer.from !== "annie")) ?? null;
        if (broken !== null) throw broken;
      }
      if (late) {
        if (!isOnline || !isSteady) {
          throw notOnline({ answer, url, tier1: capabilities.tier1, stackDir, relapses });
        }
        complete.resolve({ health, missing });
        return;
      }
      // Once all models are here, what is missing should come any moment.
      const waitedMs = allAtMs === null ? nowMs - beganAtMs : nowMs - allAtMs;
      nap = new AbortController();
      const delayMs =
        goodSinceMs !== null && !isSteady
          ? steadyPollMs
          : pollDelayMs(waitedMs, isOnline && allAtMs === null);
      await host.clock
        .sleep(delayMs, AbortSignal.any([both, nap.signal]))
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

function isHealthy(health: Health): boolean {
  return health.status === "healthy";
}

function can(health: Health, name: string): boolean {
  return health.capabilities[name] === true;
}
