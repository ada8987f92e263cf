import type { BackgroundChoice } from "../../run/background.ts";

/** What can become of it; the first is meant where nothing is chosen. */
export const runningChoices: readonly {
  readonly meeting: BackgroundChoice;
  readonly label: string;
  readonly detail: string;
}[] = [
  { meeting: "watch", label: "Look at it", detail: "Until it ends, or you look away with q." },
  { meeting: "stop", label: "Stop it, and go on here", detail: "What is downloaded is kept." },
  { meeting: "quit", label: "Leave it alone", detail: "It goes on in the background." },
];
