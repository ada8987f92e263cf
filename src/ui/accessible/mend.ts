import type { Mending, Trouble } from "../../plan/mending.ts";
import { remedyLine } from "../words/machine.ts";
import { mendWords, troubleWords } from "../words/mending.ts";
import type { LineReader } from "./lines.ts";

/** Says what is not right with the machine, and waits for a word about it; the end of the input stops. */
export async function mendInLines({
  trouble,
  reader,
  signal,
  say,
}: {
  readonly trouble: Trouble;
  readonly reader: LineReader;
  readonly signal: AbortSignal;
  say(line: string): void;
}): Promise<Mending> {
  say("");
  say(troubleWords(trouble));
  trouble.checks.forEach(({ title, found, remedy }, index) => {
    say(`${index + 1}. ${title}: ${found.replace(/\.$/, "")}.`);
    if (remedy !== undefined) say(remedyLine(remedy));
  });
  say(mendWords);
  const onward = trouble.blocking ? "" : ", Enter alone to go on as it is";
  const instructions = `Type r and press Enter to check again${onward}, or q to stop.`;
  say(instructions);
  for (;;) {
    const line = await reader.next(signal);
    const typed = line?.trim().toLowerCase() ?? "q";
    if (typed === "q") return "stop";
    if (typed === "r") return "again";
    if (typed === "" && !trouble.blocking) return "onward";
    say(instructions);
  }
}
