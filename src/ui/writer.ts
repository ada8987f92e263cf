import type { Answers } from "../plan/answers.ts";
import type { Mending, Trouble } from "../plan/mending.ts";
import type { Planning } from "../plan/planning.ts";
import type { TimedEvent } from "../progress/event.ts";
import type { PauseSwitch } from "../progress/pause-switch.ts";

/** Turns events into what a person or a program reads. One is chosen at the start of a run. */
export interface Writer {
  /** Called in order; never throws, returns at once. */
  write(event: TimedEvent): void;
  /**
   * Asks the questions that are not decided, shows the summary, and ends with yes (the answers) or no (null).
   * Absent where nobody can answer. @throws AbortError when the signal fires
   */
  readonly ask?: (planning: Planning, signal: AbortSignal) => Promise<Answers | null>;
  /**
   * Shows what is not right with the machine and waits until the person has mended it, goes on all the same, or stops.
   * Absent where nobody can answer. @throws AbortError when the signal fires
   */
  readonly mend?: (trouble: Trouble, signal: AbortSignal) => Promise<Mending>;
  /** Leaves the terminal as it was found. Every event written before is shown. */
  close(): Promise<void>;
}

/** The streams and the facts of the terminal that a writer may use; made by the command line. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly color: boolean;
  /** False: ASCII signs only. */
  readonly unicode: boolean;
  readonly verbosity: "quiet" | "normal" | "verbose";
  /** Ctrl-C where a raw terminal swallows it: the same as a SIGINT. */
  interrupt(): void;
  /**
   * Ctrl-Z likewise: stops the program and its process group. Resolves when it goes on, and soon where nothing could
   * stop it. Absent: the key does nothing.
   */
  readonly suspend?: () => Promise<void>;
  /** p turns it. Absent where nothing is downloaded. */
  readonly pause?: PauseSwitch;
  /** b: the run goes on in the background, and this program ends. Absent where it can't. */
  readonly leave?: () => void;
  /** s: stops the run in the background that is shown. Absent where this is the run itself. */
  readonly end?: () => void;
}
