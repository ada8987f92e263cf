import type { Interview } from "./interview.ts";
import { type Answers, openQuestions, type Question } from "./questions.ts";

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
