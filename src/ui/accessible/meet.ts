import { meetingChoices, meetingWords } from "../words/meeting.ts";
import type { Meeting, MetRun } from "../writer.ts";
import type { LineReader } from "./lines.ts";

/** Asks what is to become of a run in the background; the end of the input leaves it alone. */
export async function meetInLines({
  run,
  reader,
  signal,
  say,
}: {
  readonly run: MetRun;
  readonly reader: LineReader;
  readonly signal: AbortSignal;
  say(line: string): void;
}): Promise<Meeting> {
  say(meetingWords(run));
  meetingChoices.forEach(({ label, detail }, index) => say(`${index + 1}. ${label}. ${detail}`));
  const instructions = "Type a number and press Enter. Enter alone means 1.";
  say(instructions);
  for (;;) {
    const line = await reader.next(signal);
    const typed = line?.trim().toLowerCase() ?? "q";
    if (typed === "q") return "quit";
    const chosen = meetingChoices[typed === "" ? 0 : Number(typed) - 1];
    if (chosen !== undefined) return chosen.meeting;
    say(instructions);
  }
}
