import type { Secret } from "../run/secret.ts";
import type { LeftDemo } from "./handed.ts";

/** Whether the person wants the run to go on in the background, and what the other process must know then. */
export interface Leaving {
  isWanted(): boolean;
  want(): void;
  /** What was settled beside the command line; by default nothing. */
  settled: () => Promise<SettledRun>;
}

export interface SettledRun {
  readonly flags: readonly string[];
  /** "none": it must use none, whatever it finds; null: it finds the same one by itself. */
  readonly token: Secret | "none" | null;
  /** Since the run began: from when on its time is counted. */
  readonly countedFromMs?: number;
  readonly demo?: LeftDemo;
}

export function createLeaving(): Leaving {
  let wanted = false;
  return {
    isWanted: () => wanted,
    want() {
      wanted = true;
    },
    settled: async () => ({ flags: [], token: null }),
  };
}
