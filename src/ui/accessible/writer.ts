import type { TimedEvent } from "../../run/event.ts";
import { initialState, reduce, type RunState } from "../../run/state/state.ts";
import { formatBytes } from "../../run/units.ts";
import { printable } from "../clean-text.ts";
import { chooseInLines, confirmInLines, createLineReader, type LineReader } from "../lines.ts";
import { createLineOutput, type Terminal, type Writer } from "../writer.ts";
import { isTold, sentencesFor } from "../messages/sentence-for.ts";
import {
  createProgressPace,
  downloadedWhat,
  percentOf,
  progressOf,
  timesText,
} from "../messages/download.ts";
import { type Sentence, spokenFact, withAside } from "../messages/sentence.ts";
import { askInLines } from "./ask-questions.ts";
import type { FailedChecks, Remediation } from "../../plan/interview.ts";
import { runningChoices } from "../messages/run.ts";
import { failedChecksText, recheckText, remedyLine } from "../messages/machine.ts";
import {
  type BackgroundChoice,
  type BackgroundProcess,
  runningText,
} from "../../run/run-control.ts";

/** A screen reader says every line aloud: not more than one of progress in this time. */
const progressGapMs = 10_000;

/** Full sentences, each said once; questions with numbered choices. */
export function createAccessibleWriter(
  terminal: Pick<Terminal, "stdin" | "stdout" | "unicode" | "verbosity" | "interrupt">,
): Writer {
  const output = createLineOutput(terminal.stdout, (text) => printable(text, terminal.unicode));
  let state: RunState = initialState;
  const isProgressDue = createProgressPace(progressGapMs);
  let reader: LineReader | null = null;
  let failedBefore: FailedChecks | null = null;

  function say(line: string): void {
    output.line(line);
  }

  return {
    write(event) {
      const before = state;
      state = reduce(state, event);
      for (const sentence of sentencesFor(event, { before, state })) {
        if (isTold(sentence, terminal.verbosity)) tell(say, sentence);
      }
      if (terminal.verbosity === "quiet" || !isProgressDue(event, state)) return;
      const done = doneWords[event.type] ?? "downloaded";
      output.line(progressSentence(state, done));
    },
    async ask(interview, signal) {
      reader ??= createLineReader(terminal.stdin, terminal.interrupt);
      return askInLines({ interview, reader, signal, say });
    },
    async meet(run, signal) {
      reader ??= createLineReader(terminal.stdin, terminal.interrupt);
      return meetInLines({ run, reader, signal, say });
    },
    async remedy(failed, signal) {
      reader ??= createLineReader(terminal.stdin, terminal.interrupt);
      const before = failedBefore;
      failedBefore = failed;
      const assistant = state.stack?.assistant ?? null;
      return remedyInLines({ failed, before, assistant, reader, signal, say });
    },
    async confirm(confirmation, signal) {
      reader ??= createLineReader(terminal.stdin, terminal.interrupt);
      return confirmInLines({ confirmation, reader, signal, say });
    },
    async choose(choice, signal) {
      reader ??= createLineReader(terminal.stdin, terminal.interrupt);
      return chooseInLines({ choice, reader, signal, say });
    },
    async close() {
      reader?.close();
      await output.flush();
      output.release();
    },
  };
}

const markWords: Readonly<Record<NonNullable<Sentence["mark"]>, string>> = {
  ok: "",
  warning: "Warning: ",
  failed: "Problem: ",
  skipped: "Skipped: ",
};

/** The signs of the other writers are words here. */
function tell(line: (text: string) => void, sentence: Sentence): void {
  const word = sentence.mark === null ? "" : markWords[sentence.mark];
  line(ended(word + withAside(sentence)));
  for (const more of sentence.more) line(spokenFact(more));
}

function ended(text: string): string {
  return /[.:!?]$/.test(text) ? text : `${text}.`;
}

const doneWords: Readonly<Partial<Record<TimedEvent["type"], string>>> = {
  "verify.progress": "verified",
  "push.progress": "sent",
};

function progressSentence(state: RunState, done: string): string {
  const progress = progressOf(state);
  const { receivedBytes, totalBytes } = progress;
  const left = timesText(progress, "about ");
  const share = `${percentOf(receivedBytes, totalBytes)} percent of the ${downloadedWhat(state)} ${done}`;
  const times = left === null ? "" : ` ${left.replace(/^a/, "A")}.`;
  return `${share}, ${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}.${times}`;
}

/** Asks what is to become of a run in the background; the end of the input leaves it alone. */
export async function meetInLines({
  run,
  reader,
  signal,
  say,
}: {
  readonly run: BackgroundProcess;
  readonly reader: LineReader;
  readonly signal: AbortSignal;
  say(line: string): void;
}): Promise<BackgroundChoice> {
  say(runningText(run));
  runningChoices.forEach(({ label, detail }, index) => say(`${index + 1}. ${label}. ${detail}`));
  const instructions = "Type a number and press Enter. Press Enter alone for 1.";
  say(instructions);
  for (;;) {
    const line = await reader.next(signal);
    const typed = line?.trim().toLowerCase() ?? "q";
    if (typed === "q") return "quit";
    const chosen = runningChoices[typed === "" ? 0 : Number(typed) - 1];
    if (chosen !== undefined) return chosen.choice;
    say(instructions);
  }
}

/** Says which checks failed, and waits for a word about it; the end of the input stops. */
export async function remedyInLines({
  failed,
  before,
  assistant,
  reader,
  signal,
  say,
}: {
  readonly failed: FailedChecks;
  /** What was found at the look before; null at the first. */
  readonly before: FailedChecks | null;
  /** What was to run here; null where nothing has said so. */
  readonly assistant: string | null;
  readonly reader: LineReader;
  readonly signal: AbortSignal;
  say(line: string): void;
}): Promise<Remediation> {
  say("");
  if (before !== null) say(recheckText({ before, now: failed }, null));
  say(failedChecksText(failed, assistant));
  failed.checks.forEach(({ title, found, remedy }, index) => {
    say(`${index + 1}. ${title}: ${found.replace(/\.$/, "")}.`);
    if (remedy !== undefined) say(remedyLine(remedy));
  });
  const onward = failed.blocking ? "" : ", Enter alone to continue anyway";
  const { otherPort } = failed;
  const port = otherPort === undefined ? "" : `, p to take port ${otherPort} instead`;
  const instructions = `Fix this in another terminal, then type r and press Enter to check again${port}${onward}, or q to quit.`;
  say(instructions);
  for (;;) {
    const line = await reader.next(signal);
    const typed = line?.trim().toLowerCase() ?? "q";
    if (typed === "q") return "stop";
    if (typed === "r") return "again";
    if (typed === "p" && otherPort !== undefined) return "port";
    if (typed === "" && !failed.blocking) return "onward";
    say(instructions);
  }
}
