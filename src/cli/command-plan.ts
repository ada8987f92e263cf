import type { Stage } from "../run/events/run.ts";
import type { Work } from "../commands/command-request.ts";
import type { GatheredSettings } from "../commands/gather-settings.ts";

export interface CommandPlan {
  readonly stages: readonly Stage[];
  readonly demo: boolean;
  /** False for what writes nothing. */
  readonly recorded: boolean;
  /** Nobody else may write to what it makes, whatever the user's umask is: a program, and what Node compiles of it. */
  readonly closed?: true;
  readonly resumeHint: string;
  readonly work: (work: Work) => Promise<readonly string[] | null>;
}

/** Of what shows something, in no stage of a setup. */
export const unrecorded = { stages: [], demo: false, recorded: false } as const;

/** Gathers what flags, environment and config file say, and performs the command about the stack that they mean. */
export type CommandAbout = <T>(
  work: Work,
  perform: (settings: GatheredSettings, work: Work) => Promise<T>,
) => Promise<T>;
