import {
  type Asked,
  askEverything,
  type Consent,
  type ReadStack,
  type Surroundings,
  type TryHub,
} from "./ask-machine.ts";
import { type Finding, lateFinding } from "./finding.ts";
import type { Installation } from "./installation.ts";
import { installationChecks } from "./installation-rows.ts";
import { type CheckId, machineChecks } from "./table.ts";
import type { Clock, Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import { hubOf } from "./network.ts";
import type { CheckFinished, DockerFound, Machine } from "../run/events/machine.ts";
import { exitCodes, type Failure, retold } from "../run/failure.ts";
import { answerLimitMs, late, type Probe, withinLimit } from "../host/time-limit.ts";
import { isIncomplete, type NeededSpace, spaceFailure, type Survey } from "../store/store.ts";
import { unsupportedFailure } from "./hardware.ts";

export interface DetectRequest {
  readonly host: Host;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Absolute; where models will be kept. It need not be there yet. */
  readonly modelsPath: string;
  /** Why the models can't be reached where the answers say; `modelsPath` is only a guess then. */
  readonly outOfReach?: Failure | null;
  /** Absolute; the folder of the stack, likewise. */
  readonly stackDir: string;
  /** By which compose knows the stack's containers: the folder of its first file. The stack's own unless given. */
  readonly projectDir?: string;
  /** Which stack it is about. */
  readonly core: Surroundings["core"];
  /** Where it will answer. */
  readonly port: number;
  readonly readStack: ReadStack;
  /** Of the Hub, without a "/" at its end. */
  readonly endpoint: string;
  /** Asked where the endpoint fails, in order of preference. */
  readonly mirrors?: readonly string[];
  readonly tryHub: TryHub;
  /** To a machine that is no DGX Spark. Default `asked`: that it is none is a warning then. */
  readonly consent?: Consent;
  /** Memory that the chosen models take. */
  readonly modelsGib: number;
  /** An image of the stack to try the GPU with in a container; not tried unless given. */
  readonly findTrialImage?: NonNullable<Surroundings["findTrialImage"]>;
  /** How long one question to the machine may take; one that gets no answer ends as a warning. Default 4 s, more on a busy machine. */
  readonly limitMs?: number;
}

/** What checks came to. */
export interface Findings {
  /** In the order of a report. */
  readonly checks: readonly CheckFinished[];
  /** What prevents the stack from running, the most important first; each with exit status 4. */
  readonly problems: readonly Failure[];
  /** The Hub is out of reach, or not to be used for a download: it matters where something must be fetched. */
  readonly hubFailure: Failure | null;
  /** Models can't be kept where they are to be; it matters likewise. */
  readonly placeFailure: Failure | null;
  /** What else was found that has a code, in the order of the report. */
  readonly otherFailures: readonly Failure[];
}

export interface Detection extends Findings {
  readonly machine: Machine;
}

/**
 * Looks at the machine: every probe at once, each with a time limit. Emits `check.started` and `check.finished` for each,
 * and `machine.detected` at the end. Changes nothing; no serial number is in what it tells.
 * @throws AbortError
 */
export async function detectMachine(request: DetectRequest): Promise<Detection> {
  const looking = lookAround(request);
  const [findings, machine] = await Promise.all([
    runChecks(machineRuns(looking), looking),
    describeMachine(request.host.arch, looking.asked, looking.surroundings),
  ]);
  request.emit({ type: "machine.detected", ...machine });
  return { ...findings, machine };
}

/**
 * Runs all checks, or those with these ids alone, and asks only what they need. Looks at what setup and pull made, too.
 * No check takes longer than the whole may: what is late then ends as a warning.
 * @throws AbortError
 */
export async function examine(
  ids: readonly CheckId[] | null,
  request: DetectRequest,
  installation: Installation,
): Promise<Findings> {
  const looking = lookAround(request);
  const { probe } = looking;
  const own = installationChecks.map((check): CheckRun => ({
    ...check,
    assess: () => check.assess(installation, { ...looking, limitMs: probe.limitMs }),
  }));
  const runs = [...machineRuns(looking), ...own].filter(
    ({ id }) => ids === null || ids.includes(id),
  );
  const whole = { ...probe, limitMs: probe.limitMs * wholeOfOne };
  const limited = runs.map((run): CheckRun => ({
    ...run,
    assess: async () => {
      const finding = await withinLimit(whole, run.assess);
      return finding === late ? lateFinding(whole) : finding;
    },
  }));
  const findings = runChecks(limited, looking);
  if (ids !== null) return findings;
  const machine = describeMachine(request.host.arch, looking.asked, looking.surroundings);
  const [found, described] = await Promise.all([findings, machine]);
  request.emit({ type: "machine.detected", ...described });
  return found;
}

/** How long a check may take that asks several questions, one after another: so many times the limit of one. */
const wholeOfOne = 1.1;

/** A check as it is run now. */
interface CheckRun {
  readonly id: CheckId;
  readonly title: string;
  readonly rank?: number | null;
  readonly routine?: boolean;
  readonly assess: () => Promise<Finding>;
}

function machineRuns({ asked, probe, surroundings }: Looking): CheckRun[] {
  return machineChecks.map((check) => ({
    ...check,
    assess: () => check.assess(asked, probe, surroundings),
  }));
}

interface Looking {
  readonly asked: Asked;
  readonly probe: Probe;
  readonly surroundings: Surroundings;
  readonly emit: Emit;
}

function lookAround({
  host,
  emit,
  signal,
  limitMs = answerLimitMs(host),
  endpoint,
  mirrors = [],
  tryHub,
  consent = "asked",
  ...places
}: DetectRequest): Looking {
  signal.throwIfAborted();
  const surroundings = { ...places, endpoints: [endpoint, ...mirrors], tryHub, consent };
  const probe: Probe = { host, signal, limitMs };
  return { asked: askEverything(probe, surroundings), probe, surroundings, emit };
}

async function runChecks(
  runs: readonly CheckRun[],
  { probe, emit }: Pick<Looking, "probe" | "emit">,
): Promise<Findings> {
  const work = { emit, clock: probe.host.clock };
  const results = await Promise.all(runs.map((run) => runCheck(run, work)));
  const failureOf = (id: CheckId) =>
    results.find(({ finished }) => finished.id === id)?.failure ?? null;
  const problems = runs.flatMap(({ id, rank }) => {
    const found = failureOf(id);
    const isProblem = rank !== undefined && found?.exitCode === exitCodes.machine;
    return isProblem ? [{ found, rank: rank ?? 0 }] : [];
  });
  // One report of all that other stacks have names the stack's port too.
  const isTold = ({ code }: Failure) =>
    code !== "port.taken" || failureOf("clashes")?.code !== "stack.clashes";
  const ofInstallation = runs.filter(({ rank }) => rank === undefined);
  return {
    checks: results.map(({ finished }) => finished),
    problems: problems
      .toSorted((a, b) => a.rank - b.rank)
      .map(({ found }) => found)
      .filter(isTold),
    hubFailure: failureOf("hub"),
    placeFailure: failureOf("disk.models"),
    otherFailures: ofInstallation.flatMap(({ id }) => failureOf(id) ?? []),
  };
}

interface Result {
  readonly finished: CheckFinished;
  readonly failure: Failure | null;
}

/** Tells that a check begins, waits for what it finds, and tells that. */
async function runCheck(
  { id, title, routine = false, assess }: CheckRun,
  { emit, clock }: { readonly emit: Emit; readonly clock: Clock },
): Promise<Result> {
  const startedMs = clock.monotonicMs();
  emit({ type: "check.started", id, title });
  const finding = await assess();
  const { status, found, remedy } = finding;
  const finished: CheckFinished = {
    type: "check.finished",
    id,
    title,
    status,
    ...(finding.failure === undefined ? {} : { code: finding.failure.code }),
    found,
    ...(remedy === undefined ? {} : { remedy }),
    ...(routine ? { routine } : {}),
    elapsedMs: Math.round(clock.monotonicMs() - startedMs),
  };
  emit(finished);
  return { finished, failure: finding.failure ?? null };
}

async function describeMachine(arch: string, asked: Asked, around: Surroundings): Promise<Machine> {
  const [cpu, product, gpu, memory, models, images, stack, docker, compose, gpuAccess, port, hub] =
    await Promise.all([
      asked.cpu,
      asked.product,
      asked.gpu,
      asked.memory,
      asked.disks.models,
      asked.disks.images,
      asked.disks.stack,
      asked.docker,
      asked.compose,
      asked.gpuAccess,
      asked.port,
      asked.hub,
    ]);
  const dockerFound: DockerFound = {
    engineVersion: docker.state === "running" ? docker.info.version : null,
    composeVersion: compose.state === "there" ? compose.version : null,
    rootDir: docker.state === "running" ? docker.info.rootDir : null,
    gpuAccess,
  };
  return {
    arch,
    product: product.label,
    spark: product.spark,
    cpuCount: cpu.count,
    gpu,
    memoryBytes: memory?.totalBytes ?? 0,
    memoryAvailableBytes: memory?.availableBytes ?? 0,
    disks: [models, ...images, stack].flatMap(({ space }) => space ?? []),
    docker: docker.state === "missing" ? null : dockerFound,
    ports: [{ port: around.port, free: port.state === "free" }],
    hub: hubOf(hub),
  };
}

/**
 * All that stops a setup without questions, what is to be fixed first in front: what the machine lacks, consent
 * where it is no Spark, and a place, a disk or a Hub that is of no use for the models that are still to be fetched.
 */
export function setupRefusals(
  { problems, placeFailure: place, hubFailure: hub }: Findings,
  wanted: Wanted | null,
): readonly Failure[] {
  return [...problems, ...downloadRefusals({ wanted, place, hub })];
}

/** The first of them, which also names the others. */
export function refusalOf(first: Failure, others: readonly Failure[]): Failure {
  if (others.length === 0) return first;
  const also = others.map(({ message, hint }) => `Also: ${message} ${hint}`);
  return retold(first, { hint: [first.hint, ...also].join("\n") });
}

/** Why a stack is not set up on this machine once consent was asked for; null on a DGX Spark of any maker. */
export function consentFailure(machine: Machine, consent: boolean): Failure | null {
  return machine.spark || consent ? null : unsupportedFailure(machine);
}

/** What is to be downloaded: models, and images where it is known of what. */
export interface Wanted {
  readonly survey: Survey;
  /** What the stores say of it. */
  readonly needs: readonly NeededSpace[];
}

/** What is known of a download before it begins. */
export interface DownloadConditions {
  /** Null where it is not known which files the models have. */
  readonly wanted: Wanted | null;
  /** Why the models can't be kept where they are to be. */
  readonly place: Failure | null;
  /** Why they can't be had. */
  readonly hub: Failure | null;
}

/**
 * Why all of that can't be fetched. Where all models are there, the cache may be read-only and the Hub away; Docker's disk still
 * has to hold what images come to.
 */
export function downloadRefusals({ wanted, place, hub }: DownloadConditions): readonly Failure[] {
  const space = spaceFailure(wanted?.needs ?? []);
  const isThere = wanted !== null && !isIncomplete(wanted.survey);
  return (isThere ? [space] : [place, space, hub]).filter((each) => each !== null);
}

/** What a person can fix while heros waits. */
const fixable = new Set<string>(machineChecks.flatMap(({ id, fixable: can }) => (can ? [id] : [])));

/**
 * What is worth stopping for: what failed, and warnings that a command fixes. Consent is asked later, and is named only
 * beside what stops the stack. The worst first; null where there is nothing.
 */
export function failedChecks({ checks: finished, problems }: Detection): {
  readonly checks: readonly CheckFinished[];
  /** The stack can't run until they are fixed. */
  readonly blocking: boolean;
} | null {
  const isBeside = (id: string) => id === "product" && problems.length > 0;
  const failed = finished.filter(
    ({ id, status, remedy }) =>
      status === "failed" ||
      (status === "warning" && remedy !== undefined && (fixable.has(id) || isBeside(id))),
  );
  if (failed.length === 0 && problems.length === 0) return null;
  const codes = problems.map(({ code }) => code);
  const rank = ({ code, status }: CheckFinished) => {
    const place = code === undefined ? -1 : codes.indexOf(code);
    return place >= 0 ? place : status === "failed" ? codes.length : codes.length + 1;
  };
  return { checks: failed.toSorted((a, b) => rank(a) - rank(b)), blocking: problems.length > 0 };
}
