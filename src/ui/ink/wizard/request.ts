import type { Answers } from "../../../plan/answers.ts";
import type { Mending, Trouble } from "../../../plan/mending.ts";
import type { Planning } from "../../../plan/planning.ts";
import type { Meeting, MetRun } from "../../writer.ts";

/** A wizard that somebody waits for. */
export interface WizardRequest {
  readonly kind: "questions";
  readonly planning: Planning;
  /** Ends when the wizard does, whatever the reason: what it still asks for is no longer wanted. */
  readonly signal: AbortSignal;
  /** The answers, or null where the person stopped. */
  finish(answers: Answers | null): void;
  fail(error: unknown): void;
}

/** Something is not right with the machine, and somebody waits for what the person does about it. */
export interface MendRequest {
  readonly kind: "mend";
  readonly trouble: Trouble;
  finish(mending: Mending): void;
}

/** A run was found in the background, and somebody waits for what is to become of it. */
export interface MeetRequest {
  readonly kind: "meet";
  readonly run: MetRun;
  finish(meeting: Meeting): void;
}

/** What the person is asked now. */
export type FrontRequest = WizardRequest | MendRequest | MeetRequest;
