import type { TimedEvent } from "../../run/event.ts";
import { initialState, reduce, type RunState } from "../../run/state/state.ts";
import { createLineOutput, type Terminal, type Writer } from "../writer.ts";
import { printable } from "../clean-text.ts";
import type { foldText } from "../text-width.ts";
import type { LineReader } from "../lines.ts";
import { symbols } from "../symbols.ts";
import { isTold, sentencesFor } from "../messages/sentence-for.ts";
import {
  createProgressPace,
  downloadedWhat,
  progressOf,
  progressText,
} from "../messages/download.ts";
import { type Sentence, withAside } from "../messages/sentence.ts";

/** A line for everything that is worth one, without any escape sequence: pipes, CI, cron, `TERM=dumb`. Failures go to stderr. */
export function createPlainWriter(
  terminal: Pick<Terminal, "stdin" | "stdout" | "stderr" | "unicode" | "verbosity" | "interrupt">,
  /** Where a line has an end. */
  fold: typeof foldText = (text) => [text],
): Writer {
  const polish = (text: string): string => printable(text, terminal.unicode);
  const out = createLineOutput(terminal.stdout, polish);
  const err = createLineOutput(terminal.stderr, polish);
  const marks = symbols(terminal.unicode);
  const isProgressDue = createProgressPace();
  let state: RunState = initialState;
  let reader: LineReader | null = null;

  function tell(sentence: Sentence, event: TimedEvent): void {
    const mark = sentence.mark === null ? "" : `${marks[sentence.mark]} `;
    const isError = event.type === "run.failed" || event.type === "container.failed";
    const columns = columnsOf(isError ? terminal.stderr : terminal.stdout);
    const output = isError ? err : out;
    for (const line of fold(mark + withAside(sentence), columns, mark.length || 4))
      output.line(line);
    for (const more of sentence.more) {
      for (const line of fold(`    ${more}`, columns, 2)) output.line(line);
    }
  }

  function say(text: string, indent: number): void {
    for (const line of fold(text, columnsOf(terminal.stdout), indent)) out.line(line);
  }

  const confirm: NonNullable<Writer["confirm"]> = async (confirmation, signal) => {
    const { confirmInLines, createLineReader } = await import("../lines.ts");
    reader ??= createLineReader(terminal.stdin, terminal.interrupt);
    return confirmInLines({ confirmation, reader, signal, say: (text) => say(text, 2) });
  };

  return {
    write(event) {
      const before = state;
      state = reduce(state, event);
      for (const sentence of sentencesFor(event, { before, state })) {
        if (isTold(sentence, terminal.verbosity)) tell(sentence, event);
      }
      if (terminal.verbosity === "quiet" || !isProgressDue(event, state)) return;
      const what = doneLabels[event.type] ?? labels[downloadedWhat(state)];
      say(`${what}: ${progressText(progressOf(state))}`, 4);
    },
    ...(terminal.stdin.isTTY && terminal.stdout.isTTY ? { confirm } : {}),
    async close() {
      reader?.close();
      await Promise.all([out.flush(), err.flush()]);
      out.release();
      err.release();
    },
  };
}

const doneLabels: Readonly<Partial<Record<TimedEvent["type"], string>>> = {
  "verify.progress": "Verified",
  "push.progress": "Sent",
};
const labels = {
  release: "Downloaded",
  models: "Models",
  "models and images": "Models and images",
} as const;

/** A pipe has no end of a line, and a terminal that says it has none breaks lines by itself. */
function columnsOf({ isTTY, columns }: Terminal["stdout"]): number {
  return isTTY && columns > 0 ? columns : Number.POSITIVE_INFINITY;
}
