import {
  currentQuestion,
  firstStep,
  type Interview,
  nextStep,
  type Step,
  type TokenCheck,
} from "../../../plan/interview.ts";
import type { Option } from "../../../plan/options.ts";
import type { Answers, Question } from "../../../plan/questions.ts";
import type { PlanReady } from "../../../run/events/plan.ts";
import type { Secret } from "../../../run/secret.ts";
import { refusedTokenText } from "../../messages/plan.ts";

/** Value of the extra option of a `path` question: a folder that is typed. */
export const typedPath = "\u0000typed";

/** What the wizard waits for; its component does it, and tells the outcome. */
export type Effect =
  | { readonly kind: "token"; readonly answers: Answers; readonly secret: Secret }
  | { readonly kind: "folder"; readonly answers: Answers }
  | { readonly kind: "preview"; readonly answers: Answers };

/** What a key puts in front of a page: help, the lines that change in each file, or the checks of the machine. */
export interface Panel {
  readonly kind: "help" | "diff" | "checks";
  readonly scroll: number;
}

/** Where the interview stands, and what its page shows. */
export interface WizardState extends Step {
  readonly interview: Interview;
  /** The option under the cursor; on the summary the button. */
  readonly cursor: number;
  /** Option values that are chosen on this page and not taken over yet. */
  readonly chosen: readonly string[];
  /** What is being typed; null where nothing is. */
  readonly typed: string | null;
  /** A folder that was typed and not taken over. */
  readonly draft: string;
  /** Grows where what is typed changed by another hand than its editor's, which then starts over. */
  readonly typedAnew: number;
  /** What is in front of the page. */
  readonly panel: Panel | null;
  /** What is wrong with the answer, said in place. */
  readonly problem: string | null;
  readonly effect: Effect | null;
  readonly plan: PlanReady | null;
  readonly scroll: number;
  /** "Stop here?" is being asked. */
  readonly leaving: boolean;
  readonly outcome: { readonly answers: Answers | null } | null;
}

/** The wizard at its first step. */
export function openWizard(interview: Interview): WizardState {
  return showStep({ interview, draft: "", typedAnew: 0, outcome: null }, firstStep(interview));
}

/** Another page, with its chosen options from the answers; earlier answers and the summary send for the preview. */
export function showStep(
  kept: Pick<WizardState, "interview" | "draft" | "typedAnew" | "outcome">,
  step: Step,
): WizardState {
  const { answers } = step;
  const question = currentQuestion(step);
  const page: WizardState = {
    ...kept,
    ...step,
    cursor: 0,
    chosen: question?.selected(answers) ?? [],
    typed: null,
    panel: null,
    problem: null,
    effect: step.page === "question" ? null : { kind: "preview", answers },
    plan: null,
    scroll: 0,
    leaving: false,
  };
  if (question === null || question.kind === "many") return page;
  const cursor = shownOptions(page).findIndex((option) => isChosen(option, page));
  return { ...page, cursor: Math.max(0, cursor) };
}

/** The options of the page; a `path` question has one more, for a folder that is typed. */
export function shownOptions(state: WizardState): readonly Option[] {
  const question = currentQuestion(state);
  if (question === null) return [];
  const options = question.options(state.interview, state.answers);
  if (question.kind !== "path") return options;
  const detail = typedValue(state, question) ?? "Type its path.";
  return [...options, { value: typedPath, label: "Another folder", detail, locked: false }];
}

/** The answer that is none of the question's options; null where it is one. */
export function typedValue(
  { interview, answers }: Pick<WizardState, "interview" | "answers">,
  question: Question,
): string | null {
  const own = question.options(interview, answers).map(({ value }) => value);
  return question.selected(answers).find((value) => !own.includes(value)) ?? null;
}

export function isChosen(option: Option, state: WizardState): boolean {
  if (option.locked || state.chosen.includes(option.value)) return true;
  const question = currentQuestion(state);
  if (option.value !== typedPath || question === null) return false;
  const own = question.options(state.interview, state.answers).map(({ value }) => value);
  return state.chosen.some((value) => !own.includes(value));
}

/** The check of the token came back. */
export function tokenChecked(state: WizardState, check: TokenCheck): WizardState {
  if (state.effect?.kind !== "token") return state;
  if (check.ok) return showStep(state, nextStep(state.interview, state, state.effect.answers));
  return {
    ...state,
    effect: null,
    typed: state.typed === null ? null : "",
    problem: refusedTokenText(check.message, state.typed !== null),
  };
}

/** The folder that was typed can hold models. */
export function folderChecked(state: WizardState): WizardState {
  if (state.effect?.kind !== "folder") return state;
  return showStep(state, nextStep(state.interview, state, state.effect.answers));
}

export function previewed(state: WizardState, plan: PlanReady): WizardState {
  return state.effect?.kind === "preview" ? { ...state, effect: null, plan } : state;
}

/** An effect failed: said in place, and the page stays. */
export function effectFailed(state: WizardState, problem: string): WizardState {
  return { ...state, effect: null, problem };
}
