import type { Answers } from "../../../plan/answers.ts";
import type { Planning } from "../../../plan/planning.ts";

/** A wizard that somebody waits for. */
export interface WizardRequest {
  readonly planning: Planning;
  /** Ends when the wizard does, whatever the reason: what it still asks for is no longer wanted. */
  readonly signal: AbortSignal;
  /** The answers, or null where the person stopped. */
  finish(answers: Answers | null): void;
  fail(error: unknown): void;
}
