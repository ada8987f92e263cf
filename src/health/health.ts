import type { HealthContract } from "../catalog/stack.ts";
import { failure } from "../run/failures/table.ts";
import { listContainers } from "../docker/containers.ts";
import { type Health, pathOf, readAnswer, toldBy } from "./contracts.ts";
import { textOf } from "../host/network.ts";
import type { Host } from "../host/host.ts";
import type { Failure } from "../run/failure.ts";
import { notOnlineNow } from "../run/failures/annie.ts";

export interface Answer {
  readonly health: Health;
  /** Whether it was the stack that answered, something else, or nobody. */
  readonly from: "stack" | "stranger" | "nobody";
  /** False where little follows: no answer in time, or a server's error, as a proxy gives it before the service listens. */
  readonly isDefinite: boolean;
}

/** Who is asked how a stack is, and by which contract. */
export interface HealthQuestion {
  /** Where it answers: `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly contract: HealthContract;
  /** The chosen groups, by id. */
  readonly groups: readonly string[];
  /** Its service, where Docker is asked. */
  readonly service: string;
  readonly stackDir: string;
  /** Other services that show capabilities. */
  readonly others: readonly OtherService[];
  /** Capabilities that are there once the stack is healthy, for nobody says more of them. */
  readonly implied: readonly string[];
  /** A capability in words. */
  readonly titleOf: (capability: string) => string;
}

export interface OtherService {
  readonly capability: string;
  readonly service: string;
  /** Null where nothing of it is published: then Docker is asked. */
  readonly url: string | null;
  readonly contract: HealthContract;
}

const nothing = { capabilities: {}, models: {} };

/** An answer longer than this is not a health report. */
const maxBytes = 1024 * 1024;

/** Asks once. Whatever comes back, a refused connection or a web page too, is an answer. @throws AbortError alone */
export async function askHealth(
  host: Host,
  question: HealthQuestion,
  signal: AbortSignal,
): Promise<Answer> {
  const [answer, others] = await Promise.all([
    askService(host, question, signal),
    Promise.all(question.others.map((other) => askOther(host, question, other, signal))),
  ]);
  if (answer.from !== "stack" || question.contract.kind === "annie") return answer;
  const { health } = answer;
  const implied = question.implied.map((name): [string, boolean] => [name, isHealthy(health)]);
  const capabilities = { ...Object.fromEntries([...implied, ...others]), ...health.capabilities };
  return { ...answer, health: { ...health, capabilities } };
}

async function askOther(
  host: Host,
  { stackDir, groups }: HealthQuestion,
  { capability, service, url, contract }: OtherService,
  signal: AbortSignal,
): Promise<[string, boolean]> {
  const usable: HealthContract = url === null ? { kind: "compose" } : contract;
  const asked = { url: url ?? "", contract: usable, groups, service, stackDir };
  const { from, health } = await askService(host, asked, signal);
  const told = toldBy(usable).includes(capability);
  const has = told ? can(health, capability) : from === "stack" && isHealthy(health);
  return [capability, has];
}

type ServiceQuestion = Omit<HealthQuestion, "others" | "implied" | "titleOf">;

async function askService(
  host: Host,
  question: ServiceQuestion,
  signal: AbortSignal,
): Promise<Answer> {
  const { url, contract, groups } = question;
  const path = pathOf(contract);
  if (path === null) return askDocker(host, question, signal);
  let text: string;
  let httpStatus: number;
  const limit = AbortSignal.timeout(5000);
  try {
    const asked = { url: `${url}${path}`, signal: AbortSignal.any([signal, limit]) };
    const { body, status } = await host.network.request(asked);
    text = await textOf(body, maxBytes);
    httpStatus = status;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    const health = { status: "unreachable", ...nothing };
    return { health, from: "nobody", isDefinite: !limit.aborted };
  }
  const health = readAnswer(contract, { status: httpStatus, text }, groups);
  if (health !== null) return { health, from: "stack", isDefinite: true };
  const starting = { status: "starting", ...nothing };
  return { health: starting, from: "stranger", isDefinite: httpStatus < 500 };
}

/** By the container: healthy by Docker's own check, or running where it has none. */
async function askDocker(
  host: Host,
  { stackDir, service }: ServiceQuestion,
  signal: AbortSignal,
): Promise<Answer> {
  const { containers, error } = await listContainers({ host, stackDir, signal });
  const found = containers.find((each) => each.service === service);
  if (error !== null || found === undefined) {
    const health = { status: "unreachable", ...nothing };
    return { health, from: "nobody", isDefinite: error === null };
  }
  const { state } = found;
  const status =
    state === "healthy" || state === "running"
      ? "healthy"
      : state === "unhealthy"
        ? "unhealthy"
        : "starting";
  return { health: { status, ...nothing }, from: "stack", isDefinite: true };
}

/** "GET /health", or what Docker is asked instead. */
export function askedOf({
  contract,
  service,
}: Pick<HealthQuestion, "contract" | "service">): string {
  const path = pathOf(contract);
  return path === null ? `docker compose ps ${service}` : `GET ${path}`;
}

/** What it is to a person. */
export type StackState = "online" | "degraded" | "starting" | "absent";

/** @param required capabilities without which it is not online */
export function stackState({ from, health }: Answer, required: readonly string[]): StackState {
  if (from !== "stack") return "absent";
  if (health.status === "starting") return "starting";
  return isGood(health, required) ? "online" : "degraded";
}

export interface NotOnline {
  readonly answer: Answer;
  readonly question: Pick<HealthQuestion, "url" | "stackDir" | "titleOf">;
  readonly required: readonly string[];
  /** How often it was well, and then was not. */
  readonly relapses?: number;
  /** Its last lines of log; left out where nobody read them. */
  readonly logLines?: readonly string[];
}

/** Why a stack is not online although its first models have been there for long. */
export function notOnline(request: NotOnline): Failure {
  const { answer, question, required, relapses = 0, logLines } = request;
  const { url, stackDir, titleOf } = question;
  const { health, from } = answer;
  const lacks = required.filter((name) => health.capabilities[name] !== true).map(titleOf);
  const known = { stackDir, ...(logLines === undefined ? {} : { logLines }) };
  if (relapses > 1) return failure("annie.unsteady", { ...known, relapses });
  switch (from) {
    case "nobody":
    case "stranger":
      return failure("annie.unreachable", { ...known, url, from });
    case "stack":
      if (health.status === "starting") return failure("annie.still_starting", known);
      return failure("annie.degraded", { ...known, status: health.status, lacks });
  }
}

export interface AskStackRequest extends Pick<NotOnline, "required"> {
  readonly signal: AbortSignal;
  readonly question: HealthQuestion;
  /** The command that starts it; null where it was not set up. */
  readonly start: string | null;
  /** A setup that starts it is running in the background. */
  readonly inBackground?: boolean;
}

export interface StackNow extends Answer {
  readonly state: StackState;
  /** Why it is not online, and what would bring it online; null where it is. */
  readonly problem: Failure | null;
}

/** How a stack is now, for who asks once: nothing is waited for. @throws AbortError alone */
export async function askStack(
  host: Host,
  { question, required, start, inBackground = false, signal }: AskStackRequest,
): Promise<StackNow> {
  const answer = await askHealth(host, question, signal);
  const state = stackState(answer, required);
  if (state === "online") return { ...answer, state, problem: null };
  const reason = notOnline({ answer, question, required });
  const stranger = answer.from === "stranger";
  return { ...answer, state, problem: notOnlineNow(reason, { inBackground, stranger, start }) };
}

/** Whether these answers make it online: healthy, and able to do what the required models give. */
export function isGood(health: Health, required: readonly string[]): boolean {
  return isHealthy(health) && required.every((name) => can(health, name));
}

export function isHealthy(health: Health): boolean {
  return health.status === "healthy";
}

export function can(health: Health, name: string): boolean {
  return health.capabilities[name] === true;
}
