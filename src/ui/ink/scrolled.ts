import type { TimedEvent } from "../../progress/event.ts";
import type { RunState } from "../../progress/state.ts";
import { isTold, sentenceFor } from "../words.ts";
import { machineSentence } from "../words/machine.ts";
import type { Sentence } from "../words/sentence.ts";

/** A finished thing, which scrolls away above the live part of the screen. */
export interface ScrolledLine {
  readonly sentence: Sentence;
  /** A closing page stands apart: an empty row goes before it. */
  readonly apart: boolean;
  readonly demo: boolean;
}

type Verbosity = "quiet" | "normal" | "verbose";

/** Rows of the live part say these already; only a verbose run keeps them as lines too. */
const shownLive = new Set<TimedEvent["type"]>([
  "run.started",
  "stage.started",
  "stage.finished",
  "check.started",
  "check.finished",
  "hub.waiting",
  "download.planned",
  "download.retrying",
  "download.blocked",
  "download.paused",
  "download.resumed",
  "file.started",
  "file.verified",
  "container.changed",
  "annie.health",
]);

export function scrolledLines(
  event: TimedEvent,
  state: RunState,
  verbosity: Verbosity,
): readonly ScrolledLine[] {
  const closing = event.type.startsWith("run.") && event.type !== "run.started";
  const lines: ScrolledLine[] = [];
  if (endsChecks(event, state, closing)) lines.push(...checkLines(state, verbosity));
  const kept =
    verbosity === "verbose" ? event.type !== "check.finished" : !shownLive.has(event.type);
  const sentence = kept ? sentenceFor(event, state) : null;
  if (sentence !== null && isTold(sentence, verbosity)) {
    lines.push({ sentence, apart: closing, demo: closing && state.run?.demo === true });
  }
  return lines;
}

const keptLines = 200;

/** The log with what the event says, whatever the verbosity; the newest lines of it. */
export function logLines(
  log: readonly ScrolledLine[],
  event: TimedEvent,
  state: RunState,
): readonly ScrolledLine[] {
  const sentence = sentenceFor(event, state);
  if (sentence === null) return log;
  return [...log.slice(1 - keptLines), { sentence, apart: false, demo: false }];
}

function checkLines(state: RunState, verbosity: Verbosity): ScrolledLine[] {
  return state.checks.flatMap((check) => {
    if (check.status === "running") return [];
    const sentence = machineSentence(
      {
        type: "check.finished",
        id: check.id,
        title: check.title,
        status: check.status,
        found: check.found,
        elapsedMs: 0,
        ...(check.remedy === null ? {} : { remedy: check.remedy }),
      },
      state,
    );
    return isTold(sentence, verbosity) ? [{ sentence, apart: false, demo: false }] : [];
  });
}

/** The checks tick in side by side; once the machine is known they scroll away in order. */
function endsChecks(event: TimedEvent, state: RunState, closing: boolean): boolean {
  if (event.type === "machine.detected") return true;
  if (state.machine !== null) return false;
  if (event.type === "stage.finished") return event.stage === "machine";
  return closing && isLooking(state);
}

/** Whether the checks are still on the live part of the screen. */
export function isLooking(state: RunState): boolean {
  return (
    state.machine === null &&
    state.stages.some(({ stage, state: now }) => stage === "machine" && now === "running")
  );
}
