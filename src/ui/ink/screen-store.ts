import type { Choice, FailedChecks, Interview, Remediation } from "../../plan/interview.ts";
import type { Answers } from "../../plan/questions.ts";
import type { BackgroundChoice, BackgroundProcess } from "../../run/run-control.ts";
import type { TimedEvent } from "../../run/event.ts";
import { initialState, reduce, type RunState } from "../../run/state/state.ts";
import { logLines, type ScrolledLine, scrolledLines } from "./log-rows.ts";

/** A wizard that somebody waits for. */
export interface WizardRequest {
  readonly kind: "questions";
  readonly interview: Interview;
  /** Ends when the wizard does, whatever the reason: what it still asks for is no longer wanted. */
  readonly signal: AbortSignal;
  /** The answers, or null where the person stopped. */
  finish(answers: Answers | null): void;
  fail(error: unknown): void;
}

/** Something is not right with the machine, and somebody waits for what the person does about it. */
export interface RemedyRequest {
  readonly kind: "remedy";
  readonly failed: FailedChecks;
  /** When the machine was checked again, and what is different since; null at the first look. */
  readonly since: string | null;
  finish(remediation: Remediation): void;
}

/** A run was found in the background, and somebody waits for what is to become of it. */
export interface MeetRequest {
  readonly kind: "meet";
  readonly run: BackgroundProcess;
  finish(choice: BackgroundChoice): void;
}

/** Something has to be chosen before there are questions. */
export interface ChooseRequest {
  readonly kind: "choose";
  readonly choice: Choice;
  finish(value: string | null): void;
}

/** What the person is asked now. */
export type DialogRequest = WizardRequest | RemedyRequest | MeetRequest | ChooseRequest;

/** What the root component draws. */
export interface Snapshot {
  readonly state: RunState;
  /** Lines that scroll away above the live part; they only grow. */
  readonly scrolled: readonly ScrolledLine[];
  /** The newest sentences, of every verbosity. */
  readonly log: readonly ScrolledLine[];
  /** Since the run began, going on between events. */
  readonly elapsedMs: number;
  /** The spinner's step. */
  readonly tick: number;
  readonly wizard: DialogRequest | null;
}

/** Every event is folded at once; the screen hears of it at most once a frame. */
export interface Store {
  write(event: TimedEvent): void;
  setWizard(wizard: DialogRequest | null): void;
  /** The screen sees what is there now. */
  publish(): void;
  subscribe(listener: () => void): () => void;
  snapshot(): Snapshot;
  stop(): void;
}

export interface StoreOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Between two frames; 0: publish with each event, without a timer. */
  readonly frameMs: number;
  readonly verbosity: "quiet" | "normal" | "verbose";
}

export function createStore({ now, frameMs, verbosity }: StoreOptions): Store {
  const listeners = new Set<() => void>();
  const scrolled: ScrolledLine[] = [];
  let log: readonly ScrolledLine[] = [];
  const began = now();
  let state: RunState = initialState;
  let stateAt = now();
  let wizard: DialogRequest | null = null;
  let changed = false;
  let current: Snapshot = { state, scrolled: [], log, elapsedMs: 0, tick: 0, wizard };
  let timer: NodeJS.Timeout | null = null;

  function publish(): void {
    changed = false;
    const at = now();
    current = {
      state,
      scrolled: scrolled.length === current.scrolled.length ? current.scrolled : [...scrolled],
      log,
      elapsedMs: state.closing === null ? state.elapsedMs + (at - stateAt) : state.elapsedMs,
      tick: frameMs === 0 ? 0 : Math.floor((at - began) / frameMs),
      wizard,
    };
    for (const listener of listeners) listener();
  }

  function beat(): void {
    // A waiting question needs no frames; everything else shows a spinner or the time.
    if (changed || (wizard === null && state.run !== null && state.closing === null)) publish();
  }

  if (frameMs > 0) timer = setInterval(beat, frameMs);

  return {
    write(event) {
      const before = state;
      state = reduce(state, event);
      stateAt = now();
      log = logLines(log, event, { before, state });
      for (const line of scrolledLines(event, state, verbosity)) scrolled.push(line);
      // The first event is what the person waits for.
      if (frameMs === 0 || event.type === "run.started") publish();
      else changed = true;
    },
    setWizard(request) {
      wizard = request;
      publish();
    },
    publish,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => current,
    stop() {
      if (timer !== null) clearInterval(timer);
      timer = null;
    },
  };
}
