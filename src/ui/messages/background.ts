import type { Meeting, MetRun } from "../writer.ts";

/** What was found. */
export function runningText({ command, pid }: MetRun): string {
  return `heros ${command} is at work already, in the background, as process ${pid}.`;
}

/** What can become of it; the first is meant where nothing is chosen. */
export const runningChoices: readonly {
  readonly meeting: Meeting;
  readonly label: string;
  readonly detail: string;
}[] = [
  { meeting: "watch", label: "Look at it", detail: "Until it ends, or you look away with q." },
  { meeting: "stop", label: "Stop it, and go on here", detail: "What is downloaded is kept." },
  { meeting: "quit", label: "Leave it alone", detail: "It goes on in the background." },
];
