import type { TimedEvent } from "../../run/event.ts";
import { initialState, reduce, type RunState } from "../../run/state.ts";
import { createLineOutput, type Terminal, type Writer } from "../writer.ts";
import { printable } from "../clean-text.ts";
import type { LineReader } from "../lines.ts";
import type { foldText } from "./fold-text.ts";
import { symbols } from "../symbols.ts";
import { isTold, sentenceFor } from "../messages/sentence-for.ts";
import { percentOf, progressText } from "../messages/download.ts";
import { type Sentence, withAside } from "../messages/sentence.ts";

const progressStepPercent = 10;
const progressIntervalMs = 30_000;

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
  const progressLine = createProgressLine();
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

  const confirm: NonNullable<Writer["confirm"]> = async (confirmation, signal) => {
    const [{ confirmInLines }, { createLineReader }] = await Promise.all([
      import("../confirm-in-lines.ts"),
      import("../lines.ts"),
    ]);
    reader ??= createLineReader(terminal.stdin, terminal.interrupt);
    return confirmInLines({ confirmation, reader, signal, say: out.line });
  };

  return {
    write(event) {
      state = reduce(state, event);
      const sentence = sentenceFor(event, state);
      if (sentence !== null && isTold(sentence, terminal.verbosity)) tell(sentence, event);
      const line = terminal.verbosity === "quiet" ? null : progressLine(event, state);
      if (line !== null) out.line(line);
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

/** A pipe has no end of a line, and a terminal that says it has none breaks lines by itself. */
function columnsOf({ isTTY, columns }: Terminal["stdout"]): number {
  return isTTY && columns > 0 ? columns : Number.POSITIVE_INFINITY;
}

/** A line each further 10%, and each 30 seconds where those are far apart. */
function createProgressLine(): (event: TimedEvent, state: RunState) => string | null {
  let shownStep: number | null = null;
  let shownAt = 0;
  return (event, { download }) => {
    const checking = event.type === "verify.progress";
    if (!checking && event.type !== "download.progress") return null;
    if (download.totalBytes === 0 || download.paused) return null;
    const { receivedBytes, totalBytes } = download;
    const step = Math.floor(percentOf(receivedBytes, totalBytes) / progressStepPercent);
    if (shownStep === null) {
      // Where the run begins is no news.
      shownStep = step;
      shownAt = event.at;
      return null;
    }
    if (step <= shownStep && event.at - shownAt < progressIntervalMs) return null;
    shownStep = Math.max(step, shownStep);
    shownAt = event.at;
    return `${checking ? "Verified" : "Models"}: ${progressText(download)}`;
  };
}
