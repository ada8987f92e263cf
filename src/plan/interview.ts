import type { BackgroundProcess, BackgroundChoice } from "../run/run-control.ts";
import type { CheckFinished } from "../run/events/machine.ts";
import type { PlanReady } from "../run/events/plan.ts";
import type { Secret } from "../run/secret.ts";
import type { Circumstances } from "./answers.ts";
import { namedQuestion } from "./named-question.ts";
import {
  type Answers,
  type Question,
  type QuestionId,
  questions as allQuestions,
} from "./questions.ts";

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
  /** The stack can't run before they are fixed. */
  readonly blocking: boolean;
  /** A free port that the stack can have in the place of the one that is taken. */
  readonly otherPort?: number;
}

/** What the person wants: the checks again, to go on as it is, to take the other port, or to stop. */
export type Remediation = "again" | "onward" | "port" | "stop";

/** A question that is answered with yes or no, and what to know before. */
export interface Confirmation {
  readonly question: string;
  readonly details: readonly string[];
}

/** A question of which one thing is chosen, before there is an interview. */
export interface Choice {
  readonly question: string;
  /** The first is where the pointer is. */
  readonly options: readonly {
    readonly value: string;
    readonly label: string;
    /** One line more. */
    readonly detail: string;
  }[];
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
  /** The value of the option that is chosen; null where the person stops. */
  readonly choose?: (choice: Choice, signal: AbortSignal) => Promise<string | null>;
}

/** The questions to ask here: those that make sense after these answers and are not decided yet. An answer opens or closes only questions after it. */
function openQuestions(
  circumstances: Circumstances & { readonly decided: ReadonlySet<string> },
  answers: Answers,
): readonly Question[] {
  const { assistant } = circumstances.catalog.stack;
  return allQuestions
    .filter(({ id, applies }) => applies(circumstances, answers) && !circumstances.decided.has(id))
    .map((question) => namedQuestion(question, assistant));
}

/**
 * Where an interview stands. Earlier answers come first, where there are any; then each open question; then the summary,
 * on which the person agrees. Every screen goes this way.
 */
export interface Step {
  readonly page: "earlier" | "question" | "summary";
  /** The questions that are open after these answers. */
  readonly questions: readonly Question[];
  /** Which of them is asked; their number on the summary. */
  readonly index: number;
  readonly answers: Answers;
  /** An earlier run's answers were taken over: after the questions that they can't settle comes the summary. */
  readonly settled: boolean;
}

/** The first step: the summary where all is decided. */
export function firstStep(interview: Interview): Step {
  const step = stepAt(interview, 0, { answers: interview.answers, settled: false });
  const asksEarlier = interview.earlier !== "none" && step.questions.length > 0;
  return asksEarlier ? { ...step, page: "earlier" } : step;
}

/** The earlier answers are taken over: the first question that they can't settle, or the summary. */
export function takeEarlier(interview: Interview, { answers }: Step): Step {
  const open = openQuestions(interview, answers);
  return stepAt(interview, firstUnsettled(open, answers), { answers, settled: true });
}

/** The questions are asked again, with the earlier answers chosen. */
export function askAnew(interview: Interview, { answers }: Step): Step {
  return stepAt(interview, 0, { answers, settled: false });
}

/** After the question was answered; these are all answers so far. */
export function nextStep(interview: Interview, step: Step, answers: Answers): Step {
  if (step.settled && step.questions[step.index]?.kind === "confirm") {
    const open = openQuestions(interview, answers);
    return stepAt(interview, firstUnsettled(open, answers), { answers, settled: false });
  }
  return stepAt(interview, step.index + 1, { answers, settled: step.settled });
}

/** The question before; null where there is none. */
export function previousStep(interview: Interview, step: Step): Step | null {
  return step.index === 0 ? null : stepAt(interview, step.index - 1, step);
}

/** The question that is asked; null on the summary. */
export function currentQuestion({ questions, index }: Step): Question | null {
  return questions[index] ?? null;
}

/** Whether an earlier run's answers settle every open question, so that the summary is next. */
export function settlesAll({ questions, answers }: Step): boolean {
  return firstUnsettled(questions, answers) === questions.length;
}

function stepAt(
  interview: Interview,
  index: number,
  { answers, settled }: Pick<Step, "answers" | "settled">,
): Step {
  const questions = openQuestions(interview, answers);
  const bounded = Math.min(index, questions.length);
  const page = bounded === questions.length ? "summary" : "question";
  return { page, questions, index: bounded, answers, settled };
}

/** Their number where the answers settle them all. */
function firstUnsettled(open: readonly Question[], answers: Answers): number {
  const index = open.findIndex(({ isSettled }) => isSettled?.(answers) === false);
  return index === -1 ? open.length : index;
}
