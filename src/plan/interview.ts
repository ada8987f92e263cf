import type { BackgroundProcess, BackgroundChoice } from "../run/run-control.ts";
import type { CheckFinished } from "../run/events/machine.ts";
import type { PlanReady } from "../run/events/plan.ts";
import type { Secret } from "../run/secret.ts";
import type { Circumstances } from "./answers.ts";
import type { Answers, QuestionId } from "./questions.ts";

export type TokenCheck =
  | { readonly ok: true; readonly user: string }
  | { readonly ok: false; readonly message: string };

/** What a screen needs to ask the questions, and what it may do while it asks. Nothing here writes a file. */
export interface Interview extends Circumstances {
  /** Flags, environment, config file and earlier answers, over the defaults. */
  readonly answers: Answers;
  /** Given by flag, environment or config file: these are not asked. */
  readonly decided: ReadonlySet<QuestionId>;
  /** Where the answers are from: an earlier run that was interrupted, one that came to its end, or nowhere. */
  readonly earlier: "none" | "interrupted" | "finished";
  /** Works the answers out: sizes, files with their diffs, services. Writes nothing. @throws Failure */
  preview(answers: Answers, signal?: AbortSignal): Promise<PlanReady>;
  /** Whether models can be kept in the folder of the answers; judged without touching it. @throws Failure that says why not */
  checkFolder(answers: Answers, signal?: AbortSignal): Promise<void>;
  checkToken(token: Secret, signal?: AbortSignal): Promise<TokenCheck>;
  /** Keeps the answers given so far, without any token, so that an interrupted wizard can go on. */
  remember(answers: Answers): Promise<void>;
}

/** Checks that are not right, and that a person can fix while the program waits. */
export interface FailedChecks {
  /** The worst first. */
  readonly checks: readonly CheckFinished[];
  /** Annie can't run before they are fixed. */
  readonly blocking: boolean;
}

/** What the person wants: the checks again, to go on as it is, or to stop. */
export type Remediation = "again" | "onward" | "stop";

/** A question that is answered with yes or no, and what to know before. */
export interface Confirmation {
  readonly question: string;
  readonly details: readonly string[];
}

/** Who answers questions; writers implement it. A method that is missing can't be asked for. Each throws AbortError when the signal fires. */
export interface Person {
  /** Asks the questions that are not decided, shows the summary, and ends with yes (the answers) or no (null). */
  readonly ask?: (interview: Interview, signal: AbortSignal) => Promise<Answers | null>;
  /** Shows what is wrong with the machine and waits until the person has fixed it, continues anyway, or stops. */
  readonly remedy?: (failed: FailedChecks, signal: AbortSignal) => Promise<Remediation>;
  /** Asks what is to become of a run that was found in the background. */
  readonly meet?: (run: BackgroundProcess, signal: AbortSignal) => Promise<BackgroundChoice>;
  readonly confirm?: (confirmation: Confirmation, signal: AbortSignal) => Promise<boolean>;
}
