import type { BackgroundChoice } from "../../run/background.ts";

/** What can become of it; the first is meant where nothing is chosen. */
export const runningChoices: readonly {
  readonly choice: BackgroundChoice;
  readonly label: string;
  readonly detail: string;
}[] = [
  { choice: "watch", label: "Look at it", detail: "Until it ends, or you look away with q." },
  { choice: "stop", label: "Stop it, and go on here", detail: "What is downloaded is kept." },
  { choice: "quit", label: "Leave it alone", detail: "It goes on in the background." },
];
