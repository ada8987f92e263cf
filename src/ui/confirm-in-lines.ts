import type { Confirmation } from "../plan/interview.ts";
import type { LineReader } from "./lines.ts";

/** Asks a question that is answered with y or n; Enter alone, and the end of the input, mean no. */
export async function confirmInLines({
  confirmation: { question, details },
  reader,
  signal,
  say,
}: {
  readonly confirmation: Confirmation;
  readonly reader: LineReader;
  readonly signal: AbortSignal;
  say(line: string): void;
}): Promise<boolean> {
  for (const detail of details) say(`    ${detail}`);
  const instructions = "Type y for yes and press Enter. Enter alone means no.";
  say(`${question} ${instructions}`);
  for (;;) {
    const line = await reader.next(signal);
    const typed = line?.trim().toLowerCase() ?? "";
    if (["", "n", "no"].includes(typed)) return false;
    if (["y", "yes"].includes(typed)) return true;
    say(instructions);
  }
}
