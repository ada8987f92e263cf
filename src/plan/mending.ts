import type { CheckFinished } from "../progress/events/machine.ts";

/** Checks that are not right, and that a person can mend while the program waits. */
export interface Trouble {
  /** The worst first. */
  readonly checks: readonly CheckFinished[];
  /** Annie can't run before they are mended. */
  readonly blocking: boolean;
}

/** What the person wants: the checks again, to go on as it is, or to stop. */
export type Mending = "again" | "onward" | "stop";
