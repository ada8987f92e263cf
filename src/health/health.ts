import { failure } from "../run/failures/table.ts";
import type { AnnieModel } from "../run/events/stack.ts";
import { parseHealthReport } from "../run/health-report.ts";
import { textOf } from "../host/network.ts";
import type { Host } from "../host/host.ts";
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
  /** False where little follows: no answer in time, or a server's error, as a proxy gives it before she listens. */
  readonly isDefinite: boolean;
}

const nothing = { capabilities: {}, models: {} };

/** An answer longer than this is not a health report. */
const maxBytes = 1024 * 1024;

/** Asks once. Whatever comes back, a refused connection or a web page too, is an answer. @throws AbortError alone */
export async function askHealth(host: Host, url: string, signal: AbortSignal): Promise<Answer> {
  let text: string;
  let httpStatus: number;
  const limit = AbortSignal.timeout(5000);
  try {
    const asked = { url, signal: AbortSignal.any([signal, limit]) };
    const { body, status } = await host.network.request(asked);
    text = await textOf(body, maxBytes);
    httpStatus = status;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    const health = { status: "unreachable", ...nothing };
    return { health, from: "nobody", isDefinite: !limit.aborted };
  }
  const report = parseHealthReport(text);
  if (report === null) {
    const health = { status: "starting", ...nothing };
    return { health, from: "stranger", isDefinite: httpStatus < 500 };
  }
  const { status, capabilities, checks } = report;
  return {
    health: { status, capabilities, models: checks.models },
    from: "annie",
    isDefinite: true,
  };
}

/** What she is to a person. */
export type AnnieState = "online" | "degraded" | "starting" | "absent";

/** @param tier1 capabilities without which she is not online */
export function annieState({ from, health }: Answer, tier1: readonly string[]): AnnieState {
  if (from !== "annie") return "absent";
  if (health.status === "starting") return "starting";
  return isGood(health, tier1) ? "online" : "degraded";
}

export interface NotOnline {
  readonly answer: Answer;
  readonly url: string;
  readonly tier1: readonly string[];
  /** Where her compose files are. */
  readonly stackDir: string;
  /** How often she was well, and then was not. */
  readonly relapses?: number;
  /** Her last lines of log; left out where nobody read them. */
  readonly logLines?: readonly string[];
}

/** Why Annie is not online although her first models have been there for long. */
export function notOnline(request: NotOnline): Failure {
  const { answer, url, tier1, stackDir, relapses = 0, logLines } = request;
  const { health, from } = answer;
  const lacks = tier1.filter((name) => health.capabilities[name] !== true);
  const known = { stackDir, ...(logLines === undefined ? {} : { logLines }) };
  if (relapses > 1) return failure("annie.unsteady", { ...known, relapses });
  switch (from) {
    case "nobody":
    case "stranger":
      return failure("annie.unreachable", { ...known, url, from });
    case "annie":
      if (health.status === "starting") return failure("annie.still_starting", known);
      return failure("annie.degraded", { ...known, status: health.status, lacks });
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

/** Whether these answers make her online: healthy, and able to do what the first tier gives. */
export function isGood(health: Health, tier1: readonly string[]): boolean {
  return isHealthy(health) && tier1.every((name) => can(health, name));
}

export function isHealthy(health: Health): boolean {
  return health.status === "healthy";
}

export function can(health: Health, name: string): boolean {
  return health.capabilities[name] === true;
}
