import type { FailedChecks, Remediation } from "../../plan/interview.ts";
import { runningChoices } from "../messages/run.ts";
import { failedChecksText, recheckText, remedyLine } from "../messages/machine.ts";
import {
  type BackgroundChoice,
  type BackgroundProcess,
  runningText,
} from "../../run/run-control.ts";
import type { LineReader } from "../lines.ts";

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
  reader,
  signal,
  say,
}: {
  readonly failed: FailedChecks;
  /** What was found at the look before; null at the first. */
  readonly before: FailedChecks | null;
  readonly reader: LineReader;
  readonly signal: AbortSignal;
  say(line: string): void;
}): Promise<Remediation> {
  say("");
  if (before !== null) say(recheckText({ before, now: failed }, null));
  say(failedChecksText(failed));
  failed.checks.forEach(({ title, found, remedy }, index) => {
    say(`${index + 1}. ${title}: ${found.replace(/\.$/, "")}.`);
    if (remedy !== undefined) say(remedyLine(remedy));
  });
  const onward = failed.blocking ? "" : ", Enter alone to continue anyway";
  const instructions = `Fix this in another terminal, then type r and press Enter to check again${onward}, or q to quit.`;
  say(instructions);
  for (;;) {
    const line = await reader.next(signal);
    const typed = line?.trim().toLowerCase() ?? "q";
    if (typed === "q") return "stop";
    if (typed === "r") return "again";
    if (typed === "" && !failed.blocking) return "onward";
    say(instructions);
  }
}
