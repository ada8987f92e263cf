import type { Answers } from "../plan/answers.ts";
import type { Remediation, FailedChecks } from "../plan/interview.ts";
import type { Interview } from "../plan/interview.ts";
import type { TimedEvent } from "../run/event.ts";
import type { PauseSwitch } from "../run/pause-switch.ts";

/** Turns events into what a person or a program reads. One is chosen at the start of a run. */
export interface Writer {
  /** Called in order; never throws, returns at once. */
  write(event: TimedEvent): void;
  /**
   * Asks the questions that are not decided, shows the summary, and ends with yes (the answers) or no (null).
   * Absent where nobody can answer. @throws AbortError when the signal fires
   */
  readonly ask?: (planning: Interview, signal: AbortSignal) => Promise<Answers | null>;
  /**
   * Shows what is not right with the machine and waits until the person has mended it, goes on all the same, or stops.
   * Absent where nobody can answer. @throws AbortError when the signal fires
   */
  readonly mend?: (trouble: FailedChecks, signal: AbortSignal) => Promise<Remediation>;
  /**
   * Asks what is to become of a run that was found in the background. Absent where nobody can answer.
   * @throws AbortError when the signal fires
   */
  readonly meet?: (run: MetRun, signal: AbortSignal) => Promise<Meeting>;
  /** Leaves the terminal as it was found. Every event written before is shown. */
  close(): Promise<void>;
}

/** A run that goes on in the background. */
export interface MetRun {
  readonly command: string;
  readonly pid: number;
}

/** Look at it until it ends, stop it and go on here, or leave everything as it is. */
export type Meeting = "watch" | "stop" | "quit";

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
  readonly suspend?: (whom: "group" | "program") => Promise<void>;
  /** Tells that somebody else asks the program to suspend itself. @returns what ends the telling */
  readonly onSuspendAsked?: (listener: () => void) => () => void;
  /** What keys can do with what is shown now. Absent: nothing. */
  readonly keys?: () => RunKeys;
}

/** What the keys of a run can do beside looking and stopping; null where there is nothing of the kind. */
export interface RunKeys {
  /** p turns it. */
  readonly pause: PauseSwitch | null;
  /** b: the run goes on in the background, and this program ends. */
  readonly leave: (() => void) | null;
  /** s: stops the run in the background that is shown here. */
  readonly end: (() => void) | null;
}

export const noRunKeys: RunKeys = { pause: null, leave: null, end: null };
