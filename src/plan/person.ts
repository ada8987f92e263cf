import type { BackgroundChoice, BackgroundProcess } from "../run/background.ts";
import type { FailedChecks, Interview, Remediation } from "./interview.ts";
import type { Answers } from "./questions.ts";

/** Who answers questions; writers are its implementations. What is absent nobody can answer. Each throws AbortError when the signal fires. */
export interface Person {
  /** Asks the questions that are not decided, shows the summary, and ends with yes (the answers) or no (null). */
  readonly ask?: (interview: Interview, signal: AbortSignal) => Promise<Answers | null>;
  /** Shows what is not right with the machine and waits until the person has mended it, goes on all the same, or stops. */
  readonly remedy?: (failed: FailedChecks, signal: AbortSignal) => Promise<Remediation>;
  /** Asks what is to become of a run that was found in the background. */
  readonly meet?: (run: BackgroundProcess, signal: AbortSignal) => Promise<BackgroundChoice>;
}
