import type { contestants } from "./contestants.ts";
import type { Result } from "./race.ts";
import type { Target } from "./targets.ts";

export interface Setup {
  /** Where the served files are. */
  readonly dir: string;
  /** Where the contestants write. */
  readonly into: string;
  readonly rounds: number;
  readonly kills: number;
  /** With Python's client in it; null where it can't be had. */
  readonly venv: string | null;
  /** A fraction of the sizes; 1 for those that the targets name. */
  readonly scale: number;
  readonly field: ReturnType<typeof contestants>;
  readonly has: (contestant: { readonly needs: readonly string[] }) => boolean;
}

export interface Outcome {
  readonly results: readonly Result[];
  readonly targets: readonly Target[];
  /** What the tables don't say, a sentence each. */
  readonly notes?: readonly string[];
}
