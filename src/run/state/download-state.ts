import type { TimedEvent } from "../event.ts";
import type {
  DownloadBlocked,
  DownloadFinished,
  DownloadPlanned,
  DownloadRetrying,
  ModelProgress,
} from "../events/download.ts";
import type { PlanReady } from "../events/plan.ts";

/** What holds a model or an image up: a retry with its countdown, or another program that fetches the same file. */
export type Note =
  | {
      readonly kind: "retrying";
      readonly repo: string;
      readonly path: string;
      readonly reason: string;
      readonly attempt: number;
      readonly at: number;
      /** When the next attempt begins. */
      readonly untilMs: number;
    }
  | {
      readonly kind: "blocked";
      readonly repo: string;
      readonly path: string;
      readonly holder: string | null;
      readonly at: number;
    };

export interface DownloadState {
  readonly planned: DownloadPlanned | null;
  readonly receivedBytes: number;
  readonly verifiedBytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
  /** Until everything has come, images included. */
  readonly etaSeconds: number | null;
  /** Until all has come that the stack needs to be online. */
  readonly onlineEtaSeconds: number | null;
  readonly lanes: number;
  /** By a person; nothing is fetched until it goes on. */
  readonly paused: boolean;
  /** In order of priority; from the plan until the engine tells more. */
  readonly models: readonly ModelProgress[];
  /** By model id, or by repository where no model was told. */
  readonly notes: Readonly<Record<string, Note>>;
  /** What another program downloads, by model as notes are: the first file of each that was waited for. Lines tell that one alone. */
  readonly blocked: Readonly<Record<string, Pick<DownloadBlocked, "path" | "holder">>>;
  /** When the last progress came, to tell silence from work. */
  readonly progressAt: number | null;
  readonly startedFiles: number;
  readonly verifiedFiles: number;
  readonly retries: number;
  readonly finished: DownloadFinished | null;
}

export const initialDownload: DownloadState = {
  planned: null,
  receivedBytes: 0,
  verifiedBytes: 0,
  totalBytes: 0,
  bytesPerSecond: 0,
  etaSeconds: null,
  onlineEtaSeconds: null,
  lanes: 0,
  paused: false,
  models: [],
  notes: {},
  blocked: {},
  progressAt: null,
  startedFiles: 0,
  verifiedFiles: 0,
  retries: 0,
  finished: null,
};

/** The download's share of the state after one more event; the same object where nothing of it changed. */
export function reduceDownload(state: DownloadState, event: TimedEvent): DownloadState {
  switch (event.type) {
    case "plan.ready":
      return state.models.length > 0
        ? state
        : {
            ...state,
            models: plannedModels(event),
            receivedBytes: event.cachedBytes,
            totalBytes: event.totalBytes,
          };
    case "download.planned":
      return {
        ...state,
        planned: event,
        totalBytes: event.totalBytes,
        receivedBytes: Math.max(state.receivedBytes, event.cachedBytes + event.resumedBytes),
      };
    case "download.progress":
      return {
        ...state,
        receivedBytes: event.receivedBytes,
        verifiedBytes: event.verifiedBytes,
        totalBytes: event.totalBytes,
        bytesPerSecond: event.bytesPerSecond,
        etaSeconds: event.etaSeconds,
        onlineEtaSeconds: event.onlineEtaSeconds ?? null,
        lanes: event.lanes,
        models: event.models,
        notes: currentNotes(state.notes, event.models, event.at),
        progressAt: event.at,
      };
    case "verify.progress":
      return {
        ...state,
        receivedBytes: event.checkedBytes,
        verifiedBytes: event.checkedBytes,
        totalBytes: event.totalBytes,
        bytesPerSecond: event.bytesPerSecond,
        etaSeconds: event.etaSeconds,
        models: event.models,
        progressAt: event.at,
      };
    case "push.progress":
      return {
        ...state,
        receivedBytes: event.sentBytes,
        verifiedBytes: event.sentBytes,
        totalBytes: event.totalBytes,
        bytesPerSecond: event.bytesPerSecond,
        etaSeconds: event.etaSeconds,
        models: event.models,
        progressAt: event.at,
      };
    // A repair goes on with a download, whose bars start over.
    case "verify.finished":
      return initialDownload;
    case "download.retrying": {
      const counted = { ...state, retries: state.retries + 1 };
      // Nothing holds the model up while its other connections go on; images have notes of their own.
      if (event.scope === "lane" || event.image !== undefined) return counted;
      const notes = { ...state.notes, [event.model ?? event.repo]: noteOf(event) };
      return { ...counted, notes };
    }
    case "download.blocked": {
      const key = event.model ?? event.image ?? event.repo;
      const blocked = { ...state.blocked, [key]: firstBlocked(state.blocked[key], event) };
      if (event.image !== undefined) return { ...state, blocked };
      return { ...state, blocked, notes: { ...state.notes, [key]: noteOf(event) } };
    }
    case "download.paused":
      return { ...resting(state), paused: true };
    case "download.resumed":
      return { ...state, paused: false };
    case "file.started":
      return { ...state, startedFiles: state.startedFiles + 1 };
    case "file.verified":
      return {
        ...state,
        verifiedFiles: state.verifiedFiles + 1,
        notes: filterNotes(
          state.notes,
          (note) => note.repo !== event.repo || note.path !== event.path,
        ),
      };
    case "model.ready":
      return {
        ...state,
        models: state.models.map((model) => (model.id === event.id ? ready(model) : model)),
        notes: filterNotes(state.notes, (_note, key) => key !== event.id && key !== event.repo),
      };
    case "download.finished":
      return {
        ...state,
        finished: event,
        bytesPerSecond: 0,
        etaSeconds: null,
        onlineEtaSeconds: null,
        lanes: 0,
        paused: false,
        notes: {},
      };
    default:
      return state;
  }
}

/** Nothing moves, and nobody knows for how long. */
function resting(state: DownloadState): DownloadState {
  const still = { bytesPerSecond: 0, etaSeconds: null };
  const models = state.models.map((model) => ({ ...model, ...still }));
  // What was to be tried again waits for the person now.
  const notes = filterNotes(state.notes, ({ kind }) => kind === "blocked");
  return { ...state, ...still, onlineEtaSeconds: null, lanes: 0, models, notes };
}

function plannedModels(plan: PlanReady): readonly ModelProgress[] {
  const coming = plan.models.filter(({ baked }) => baked !== true);
  return coming.map((model) => ({
    id: model.id,
    title: model.title,
    tier: model.tier,
    state: "waiting",
    receivedBytes: model.cachedBytes,
    verifiedBytes: 0,
    totalBytes: model.totalBytes,
    bytesPerSecond: 0,
    etaSeconds: null,
  }));
}

function ready(model: ModelProgress): ModelProgress {
  return {
    ...model,
    state: "ready",
    receivedBytes: model.totalBytes,
    verifiedBytes: model.totalBytes,
    bytesPerSecond: 0,
    etaSeconds: null,
  };
}

/** A retry is over when its wait is and bytes come again; a block is over when its model is ready. */
function currentNotes(
  notes: DownloadState["notes"],
  models: readonly ModelProgress[],
  at: number,
): DownloadState["notes"] {
  return filterNotes(notes, (note, key) => {
    const model = models.find(({ id }) => id === key);
    if (model?.state === "ready") return false;
    return note.kind === "blocked" || at < note.untilMs || model?.state === "retrying";
  });
}

function filterNotes(
  notes: DownloadState["notes"],
  stays: (note: Note, key: string) => boolean,
): DownloadState["notes"] {
  const entries = Object.entries(notes);
  const kept = entries.filter(([key, note]) => stays(note, key));
  return kept.length === entries.length ? notes : Object.fromEntries(kept);
}

function firstBlocked(
  before: Pick<DownloadBlocked, "path" | "holder"> | undefined,
  event: DownloadBlocked,
): Pick<DownloadBlocked, "path" | "holder"> {
  return before?.holder === event.holder ? before : { path: event.path, holder: event.holder };
}

export function noteOf(event: TimedEvent & (DownloadRetrying | DownloadBlocked)): Note {
  const { repo, path, at } = event;
  if (event.type === "download.blocked") {
    return { kind: "blocked", repo, path, holder: event.holder, at };
  }
  const { reason, attempt } = event;
  return { kind: "retrying", repo, path, reason, attempt, at, untilMs: at + event.delayMs };
}
