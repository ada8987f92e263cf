import type { Answers } from "../../../plan/answers.ts";
import type { FailedChecks, Interview, Remediation } from "../../../plan/interview.ts";
import type { BackgroundChoice, BackgroundProcess } from "../../../run/background.ts";

/** A wizard that somebody waits for. */
export interface WizardRequest {
  readonly kind: "questions";
  readonly planning: Interview;
  /** Ends when the wizard does, whatever the reason: what it still asks for is no longer wanted. */
  readonly signal: AbortSignal;
  /** The answers, or null where the person stopped. */
  finish(answers: Answers | null): void;
  fail(error: unknown): void;
}

/** Something is not right with the machine, and somebody waits for what the person does about it. */
export interface MendRequest {
  readonly kind: "mend";
  readonly trouble: FailedChecks;
  finish(mending: Remediation): void;
}

/** A run was found in the background, and somebody waits for what is to become of it. */
export interface MeetRequest {
  readonly kind: "meet";
  readonly run: BackgroundProcess;
  finish(meeting: BackgroundChoice): void;
}

/** What the person is asked now. */
export type DialogRequest = WizardRequest | MendRequest | MeetRequest;
