import { type DownloadState, initialDownload, reduceDownload } from "./download-state.ts";
import type { ClosingEvent, TimedEvent } from "../event.ts";
import type {
  StackModel,
  ContainerChanged,
  ContainerFailed,
  FileWritten,
  StackChosen,
} from "../events/stack.ts";
import { type ImagesState, reduceImages } from "./images-state.ts";
import type { CheckStatus, Machine } from "../events/machine.ts";
import type { PlanReady } from "../events/plan.ts";
import type { Notice, RunStarted, Stage } from "../events/run.ts";
import type { StatusRead } from "../events/reports.ts";

export interface StageState {
  readonly stage: Stage;
  readonly state: "waiting" | "running" | "done" | "skipped" | "failed";
  /** Milliseconds since the run began. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export interface CheckState {
  readonly id: string;
  readonly title: string;
  readonly status: "running" | CheckStatus;
  readonly found: string;
  readonly remedy: string | null;
  /** Worth telling only where something is not right. */
  readonly routine?: true;
}

export interface HealthState {
  /** Null until the watcher has looked once. */
  readonly status: string | null;
  /** When its status last became another one. */
  readonly statusAt: number | null;
  readonly capabilities: Readonly<Record<string, boolean>>;
  readonly models: Readonly<Record<string, StackModel>>;
  readonly online: { readonly elapsedMs: number; readonly url: string } | null;
  /** In the order in which they came. */
  readonly ready: readonly { readonly name: string; readonly message: string }[];
}

/** How a container is, as it was told last. */
export interface ContainerNow extends ContainerChanged {
  /** In another state than before: lines tell that alone. */
  readonly news: boolean;
}

/** Everything a screen shows, folded from the events. */
export interface RunState {
  readonly run: RunStarted | null;
  readonly stages: readonly StageState[];
  readonly checks: readonly CheckState[];
  /** Ids of checks that were right when the machine was looked at before: they are not told again. */
  readonly rightBefore: readonly string[];
  readonly machine: Machine | null;
  /** What is set up; null in records of older versions, and where a command is about no stack. */
  readonly stack: StackChosen | null;
  readonly plan: PlanReady | null;
  /** The files of the stack, the last ones where there are very many. */
  readonly files: readonly FileWritten[];
  /** Docker's command that runs, or ran last. */
  readonly command: string | null;
  /** While the Hub is waited for before anything can be downloaded. */
  readonly hubWait: HubWait | null;
  readonly download: DownloadState;
  readonly images: ImagesState;
  readonly containers: Readonly<Record<string, ContainerNow>>;
  readonly failedContainers: Readonly<Record<string, ContainerFailed>>;
  readonly health: HealthState;
  /** The last ones where there are very many. */
  readonly notices: readonly Notice[];
  /** What `heros status` told last. */
  readonly status: StatusRead | null;
  readonly closing: ClosingEvent | null;
  /** From when on times are shown: when a person said yes, else the start. */
  readonly countedFromMs: number;
  /** Of the last event. */
  readonly elapsedMs: number;
}

/** More than a person reads; it bounds what one event costs. */
const keptEntries = 100;

export const initialState: RunState = {
  run: null,
  stages: [],
  checks: [],
  rightBefore: [],
  machine: null,
  stack: null,
  plan: null,
  files: [],
  command: null,
  hubWait: null,
  download: initialDownload,
  images: [],
  containers: {},
  failedContainers: {},
  health: { status: null, statusAt: null, capabilities: {}, models: {}, online: null, ready: [] },
  notices: [],
  status: null,
  closing: null,
  countedFromMs: 0,
  elapsedMs: 0,
};

/** The state after one more event. Pure, and its cost does not grow with the number of events. */
export function reduce(state: RunState, event: TimedEvent): RunState {
  const changed = change(state, event);
  const download = reduceDownload(state.download, event);
  const images = reduceImages(state.images, event);
  const hubWait = waitForHub(state.hubWait, event);
  return {
    ...state,
    ...changed,
    hubWait,
    download,
    images,
    elapsedMs: Math.max(state.elapsedMs, event.at),
  };
}

function change(state: RunState, event: TimedEvent): Partial<RunState> {
  switch (event.type) {
    case "run.started":
      return { run: event, stages: event.stages.map((stage) => waiting(stage)) };
    case "stage.started":
      return {
        stages: patchStage(state.stages, event.stage, { state: "running", startedAt: event.at }),
        ...(event.stage === "machine" ? lookAgain(state) : {}),
      };
    case "stage.finished":
      return {
        stages: patchStage(state.stages, event.stage, {
          state: event.outcome,
          finishedAt: event.at,
        }),
      };
    case "check.started":
      return { checks: replaceCheck(state.checks, { ...event, status: "running" }) };
    case "check.finished":
      return { checks: replaceCheck(state.checks, event) };
    case "machine.detected":
      return { machine: event };
    case "plan.ready":
      return { plan: event, countedFromMs: event.agreedAtMs ?? 0 };
    case "stack.chosen":
      return { stack: event };
    case "file.written":
      return { files: keep(state.files, event) };
    case "stack.command":
      return { command: event.command };
    case "container.changed":
      return {
        containers: {
          ...state.containers,
          [event.service]: {
            ...event,
            news: state.containers[event.service]?.state !== event.state,
          },
        },
        failedContainers: isUp(event.state)
          ? without(state.failedContainers, event.service)
          : state.failedContainers,
      };
    case "container.failed":
      return { failedContainers: { ...state.failedContainers, [event.service]: event } };
    case "annie.health":
      return {
        health: {
          ...state.health,
          status: event.status,
          statusAt: event.status === state.health.status ? state.health.statusAt : event.at,
          capabilities: event.capabilities,
          models: event.models,
        },
      };
    case "annie.online":
      return {
        health: { ...state.health, online: { elapsedMs: event.elapsedMs, url: event.url } },
      };
    case "capability.ready":
      return {
        health: {
          ...state.health,
          capabilities: { ...state.health.capabilities, [event.name]: true },
          ready: [
            ...state.health.ready.filter(({ name }) => name !== event.name),
            { name: event.name, message: event.message },
          ],
        },
      };
    case "status.read":
      return {
        status: event,
        health: {
          ...state.health,
          status: event.health,
          statusAt: event.health === state.health.status ? state.health.statusAt : event.at,
          capabilities: event.capabilities,
          models: event.loading,
        },
      };
    case "notice":
      return { notices: keep(state.notices, event) };
    case "run.succeeded":
    case "run.failed":
    case "run.cancelled":
      return { closing: event };
    default:
      return {};
  }
}

/** The machine is looked at, maybe once more: what was found before no longer counts. */
function lookAgain({ checks }: RunState): Partial<RunState> {
  const right = checks.filter(({ status }) => status === "ok").map(({ id }) => id);
  return { machine: null, checks: [], rightBefore: right };
}

function waiting(stage: Stage): StageState {
  return { stage, state: "waiting", startedAt: null, finishedAt: null };
}

function patchStage(
  stages: readonly StageState[],
  stage: Stage,
  patch: Partial<StageState>,
): readonly StageState[] {
  const known = stages.some((entry) => entry.stage === stage)
    ? stages
    : [...stages, waiting(stage)];
  return known.map((entry) => (entry.stage === stage ? { ...entry, ...patch } : entry));
}

interface CheckEvent {
  readonly id: string;
  readonly title: string;
  readonly status: CheckState["status"];
  readonly found?: string;
  readonly remedy?: string;
  readonly routine?: true;
}

function replaceCheck(checks: readonly CheckState[], event: CheckEvent): readonly CheckState[] {
  const check: CheckState = {
    id: event.id,
    title: event.title,
    status: event.status,
    found: event.found ?? "",
    remedy: event.remedy ?? null,
    ...(event.routine === undefined ? {} : { routine: event.routine }),
  };
  return checks.some(({ id }) => id === check.id)
    ? checks.map((entry) => (entry.id === check.id ? check : entry))
    : [...checks, check];
}

function keep<T>(entries: readonly T[], entry: T): readonly T[] {
  return entries.length < keptEntries
    ? [...entries, entry]
    : [...entries.slice(1 - keptEntries), entry];
}

function isUp(state: ContainerChanged["state"]): boolean {
  return state === "running" || state === "healthy";
}

function without<T>(record: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> {
  if (!(key in record)) return record;
  const { [key]: _left, ...rest } = record;
  return rest;
}

/** The Hub, or a registry of images, is asked again and again, before anything can be downloaded. */
export interface HubWait {
  /** Null for the Hub. */
  readonly registry: string | null;
  readonly reason: string;
  readonly at: number;
  /** When it is asked next. */
  readonly untilMs: number;
  readonly giveUpMs: number;
  /** Another reason than before, or another minute: lines tell that alone. */
  readonly news: boolean;
}

/** What is waited for after one more event: anything but a notice says that there was an answer. */
export function waitForHub(before: HubWait | null, event: TimedEvent): HubWait | null {
  if (event.type === "notice") return before;
  if (event.type !== "hub.waiting" && event.type !== "registry.waiting") return null;
  const registry = event.type === "hub.waiting" ? null : event.registry;
  const { reason, at, delayMs, leftMs } = event;
  const giveUpMs = at + leftMs;
  const minute = Math.ceil(leftMs / 60_000);
  const told = before === null ? null : Math.ceil((before.giveUpMs - before.at) / 60_000);
  const same = before?.reason === reason && before.registry === registry && minute === told;
  return { registry, reason, at, untilMs: at + delayMs, giveUpMs, news: !same };
}
