import { stripVTControlCharacters } from "node:util";
import { textOf } from "../host/network.ts";
import type { Host } from "../host/host.ts";
import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { parseJson } from "../run/json.ts";
import { askedOf, askHealth, can, type HealthQuestion, isHealthy } from "./health.ts";
import { findIn, isEmpty } from "./contracts.ts";

/** One question that shows that a stack works, and what its answer must hold. */
export interface Question {
  readonly method: "GET" | "POST";
  /** On the stack's own address, from "/" on. */
  readonly path: string;
  /** Sent as JSON; null where there is none. */
  readonly body: unknown;
  /** Keys, and numbers of lists, that lead to what must be there and not empty: `results.0.text`. */
  readonly answer: readonly string[];
}

export interface ProveRequest {
  readonly health: HealthQuestion;
  /** What it has to be able to do, by the names of the health contract. */
  readonly capabilities: readonly string[];
  /** Null: it is asked for its health alone. */
  readonly question: Question | null;
  readonly signal: AbortSignal;
}

export interface Proof {
  /** "GET /health", "POST /search" */
  readonly asked: string;
  readonly elapsedMs: number;
  /** What is wrong with the answer; null where it works. */
  readonly problem: Failure | null;
}

const limitMs = 10_000;
const maxBytes = 1024 * 1024;
const shownLength = 200;

/** Asks a stack once for what it is there for: its abilities, by the health contract, or the question where there is one. @throws AbortError alone */
export async function proveStack(host: Host, request: ProveRequest): Promise<Proof> {
  const { health, capabilities, question, signal } = request;
  const { url, stackDir } = health;
  const beganMs = host.clock.monotonicMs();
  const asked = question === null ? askedOf(health) : `${question.method} ${question.path}`;
  const said =
    question === null
      ? await askAbilities(host, { health, capabilities, signal })
      : await askQuestion(host, { url, question, signal });
  return {
    asked,
    elapsedMs: Math.round(host.clock.monotonicMs() - beganMs),
    problem: said === null ? null : failure("annie.not_proved", { stackDir, asked, said }),
  };
}

/** @returns what came back instead; null where all is as it should be */
async function askAbilities(
  host: Host,
  { health: asked, capabilities, signal }: Pick<ProveRequest, "health" | "capabilities" | "signal">,
): Promise<string | null> {
  const { from, health } = await askHealth(host, asked, signal);
  if (from === "nobody") return "no answer came";
  if (from === "stranger") return "the answer is no health report";
  const lacks = capabilities.filter((name) => !can(health, name));
  if (isHealthy(health) && lacks.length === 0) return null;
  const without = lacks.length === 0 ? "" : `, without ${lacks.map(asked.titleOf).join(", ")}`;
  return `it reports "${shown(health.status)}"${without}`;
}

async function askQuestion(
  host: Host,
  {
    url,
    question: { method, path, body, answer },
    signal,
  }: Pick<ProveRequest, "signal"> & { readonly url: string; readonly question: Question },
): Promise<string | null> {
  const limit = AbortSignal.timeout(limitMs);
  let status: number;
  let text: string;
  try {
    const response = await host.network.request({
      url: `${url}${path}`,
      method,
      headers: { accept: "application/json", "content-type": "application/json" },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      idleTimeoutMs: limitMs,
      signal: AbortSignal.any([signal, limit]),
    });
    status = response.status;
    text = await textOf(response.body, maxBytes);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    return limit.aborted
      ? `no answer came within ${limitMs / 1000} s`
      : `no answer came: ${shown(error.message)}`;
  }
  if (status < 200 || status > 299) return `HTTP ${status} came back: ${shown(text)}`;
  const value = parseJson(text);
  if (value === undefined) return `what came back is no JSON: ${shown(text)}`;
  if (isEmpty(findIn(value, answer))) {
    return `the answer has nothing at ${answer.join(".")}: ${shown(text)}`;
  }
  return null;
}

/** What somebody sent, short, and as it can be shown anywhere. */
function shown(text: string): string {
  const clean = stripVTControlCharacters(text.slice(0, 4 * shownLength))
    .replaceAll(/[\p{Cc}\s]+/gu, " ")
    .trim();
  if (clean === "") return "nothing";
  return clean.length > shownLength ? `${clean.slice(0, shownLength)}…` : clean;
}
