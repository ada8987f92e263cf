import { failure } from "../run/failures/table.ts";
import type { Host } from "../host/host.ts";
import type { AnnieModel } from "../run/events/stack.ts";
import type { Failure } from "../run/failure.ts";
import { parseHealthReport } from "../run/health-report.ts";
import { textOf } from "../host/network.ts";

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
