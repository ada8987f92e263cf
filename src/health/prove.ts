import { stripVTControlCharacters } from "node:util";
import { textOf } from "../host/network.ts";
import { capabilityName } from "../run/capabilities.ts";
import type { Host } from "../host/host.ts";
import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { isRecord, parseJson } from "../run/json.ts";
import { askHealth, can, isHealthy } from "./health.ts";

/** One question that shows that she works, and what its answer must hold. */
export interface Question {
  readonly method: "GET" | "POST";
  /** On her own address, from "/" on. */
  readonly path: string;
  /** Sent as JSON; null where there is none. */
  readonly body: unknown;
  /** Keys, and numbers of lists, that lead to what must be there and not empty: `results.0.text`. */
  readonly answer: readonly string[];
}

export interface ProveRequest {
  /** Where she answers: `http://127.0.0.1:8000`. */
  readonly url: string;
  /** What she has to be able to do, by the names of the health contract. */
  readonly capabilities: readonly string[];
  /** Null: she is asked for her health alone. */
  readonly question: Question | null;
  readonly stackDir: string;
  readonly signal: AbortSignal;
}

export interface Proof {
  /** "GET /health", "POST /search" */
  readonly asked: string;
  readonly elapsedMs: number;
  /** What is wrong with her answer; null where she works. */
  readonly problem: Failure | null;
}

const limitMs = 10_000;
const maxBytes = 1024 * 1024;
const shownLength = 200;

/** Asks her once for what she is there for: her abilities, by the health contract, and the question where there is one. @throws AbortError alone */
export async function proveAnnie(host: Host, request: ProveRequest): Promise<Proof> {
  const { url, capabilities, question, stackDir, signal } = request;
  const beganMs = host.clock.monotonicMs();
  const asked = question === null ? "GET /health" : `${question.method} ${question.path}`;
  const said =
    question === null
      ? await askAbilities(host, { url, capabilities, signal })
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
  { url, capabilities, signal }: Pick<ProveRequest, "url" | "capabilities" | "signal">,
): Promise<string | null> {
  const { from, health } = await askHealth(host, `${url}/health`, signal);
  if (from === "nobody") return "no answer came";
  if (from === "stranger") return "the answer is no health report";
  const lacks = capabilities.filter((name) => !can(health, name));
  if (isHealthy(health) && lacks.length === 0) return null;
  const without = lacks.length === 0 ? "" : `, without ${lacks.map(capabilityName).join(", ")}`;
  return `she reports "${shown(health.status)}"${without}`;
}

async function askQuestion(
  host: Host,
  {
    url,
    question: { method, path, body, answer },
    signal,
  }: Pick<ProveRequest, "url" | "signal"> & { readonly question: Question },
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
  if (isEmpty(find(value, answer))) {
    return `the answer has nothing at ${answer.join(".")}: ${shown(text)}`;
  }
  return null;
}

function find(value: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((from, key) => {
    if (Array.isArray(from))
      return /^\d+$/.test(key) ? (from as unknown[])[Number(key)] : undefined;
    return isRecord(from) && Object.hasOwn(from, key) ? from[key] : undefined;
  }, value);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === "string") return value.trim() === "";
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}

/** What somebody sent, short, and as it can be shown anywhere. */
function shown(text: string): string {
  const clean = stripVTControlCharacters(text.slice(0, 4 * shownLength))
    .replaceAll(/[\p{Cc}\s]+/gu, " ")
    .trim();
  if (clean === "") return "nothing";
  return clean.length > shownLength ? `${clean.slice(0, shownLength)}…` : clean;
}
