import { failure } from "../run/failures/table.ts";
import { z } from "zod";
import type { Host } from "../host/host.ts";
import type { AnnieModel } from "../run/events/health.ts";
import type { Failure } from "../run/failure.ts";
import { parseJson } from "../run/json.ts";
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

const model = z.object({
  status: z.string(),
  source: z.string().optional(),
  progress: z.union([z.string(), z.number().transform(String)]).optional(),
});

/** The health contract of her-os. Whatever else the answer holds is passed over. */
const contract = z.object({
  status: z.string().min(1),
  checks: z.object({ models: z.record(z.string(), model).catch({}) }).catch({ models: {} }),
  capabilities: z.record(z.string(), z.boolean().catch(false)).catch({}),
});

/** An answer longer than this is not a health report. */
const mostBytes = 1024 * 1024;

/** Asks once. Whatever comes back, a refused connection or a web page too, is an answer. @throws AbortError alone */
export async function askHealth(host: Host, url: string, signal: AbortSignal): Promise<Answer> {
  let text: string;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(5000)]);
    const { body } = await host.network.request({ url, signal: limit });
    text = await textOf(body, mostBytes);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    return { health: { status: "unreachable", ...nothing }, from: "nobody" };
  }
  const health = readHealth(text);
  return health === null
    ? { health: { status: "starting", ...nothing }, from: "stranger" }
    : { health, from: "annie" };
}

/** The report in an answer's body; null where the body is none. */
export function readHealth(text: string): Health | null {
  const { data } = contract.safeParse(parseJson(text));
  if (data === undefined) return null;
  const models = Object.entries(data.checks.models).map(([name, { status, source, progress }]) => [
    name,
    {
      status,
      ...(source === undefined ? {} : { source }),
      ...(progress === undefined ? {} : { progress }),
    },
  ]);
  return {
    status: data.status,
    capabilities: data.capabilities,
    models: Object.fromEntries(models) as Record<string, AnnieModel>,
  };
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
