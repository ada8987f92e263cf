import type { Answers } from "../../../plan/answers.ts";
import type { Interview, TokenCheck } from "../../../plan/interview.ts";
import { openQuestions, type Option, type Question } from "../../../plan/questions.ts";
import { refusedTokenText } from "../../messages/plan.ts";
import type { PlanReady } from "../../../run/events/plan.ts";

/** Value of the extra option of a `path` question: a folder that is typed. */
export const typedPath = "\u0000typed";

/** What the wizard waits for; its component does it, and tells the outcome. */
export type Effect =
  | { readonly kind: "token"; readonly answers: Answers }
  | { readonly kind: "preview"; readonly answers: Answers };

export interface WizardState {
  readonly planning: Interview;
  readonly questions: readonly Question[];
  /** The question that is shown; their number where it is the summary. */
  readonly index: number;
  readonly answers: Answers;
  /** The option under the cursor; on the summary the button. */
  readonly cursor: number;
  /** Option values that are chosen on this page and not taken over yet. */
  readonly chosen: readonly string[];
  /** What is being typed; null where nothing is. */
  readonly typed: string | null;
  /** A folder that was typed and not taken over. */
  readonly draft: string;
  /** Grows where what is typed changed by another hand than its editor's, which then begins anew. */
  readonly typedAnew: number;
  /** How far the help is scrolled; null where it is not shown. */
  readonly help: number | null;
  /** What is wrong with the answer, said in place. */
  readonly problem: string | null;
  readonly errand: Effect | null;
  readonly plan: PlanReady | null;
  readonly scroll: number;
  /** "Go on where you stopped?" is being asked. */
  readonly resuming: boolean;
  /** The answers of an earlier run were taken over: after the questions that they can't settle comes the plan. */
  readonly settled: boolean;
  /** "Stop here?" is being asked. */
  readonly leaving: boolean;
  readonly outcome: { readonly answers: Answers | null } | null;
}

/** The wizard at its first open question, before it the one whether to go on with answers that were kept; at the summary where all is decided. */
export function openWizard(planning: Interview): WizardState {
  const state: WizardState = {
    planning,
    questions: openQuestions(planning, planning.answers),
    index: 0,
    answers: planning.answers,
    cursor: 0,
    chosen: [],
    typed: null,
    draft: "",
    typedAnew: 0,
    help: null,
    problem: null,
    errand: null,
    plan: null,
    scroll: 0,
    resuming: false,
    settled: false,
    leaving: false,
    outcome: null,
  };
  const first = goTo(state, 0, planning.answers);
  if (planning.earlier === "none" || first.questions.length === 0) return first;
  return { ...first, resuming: true, errand: { kind: "preview", answers: planning.answers } };
}

/** Another page, with its chosen options from the answers; the summary sends for the preview. */
export function goTo(state: WizardState, index: number, answers: Answers): WizardState {
  const questions = openQuestions(state.planning, answers);
  const bounded = Math.min(Math.max(0, index), questions.length);
  const question = questions[bounded];
  const page: WizardState = {
    ...state,
    questions,
    index: bounded,
    answers,
    cursor: 0,
    chosen: question?.selected(answers) ?? [],
    typed: null,
    help: null,
    problem: null,
    errand: question === undefined ? { kind: "preview", answers } : null,
    plan: null,
    scroll: 0,
    resuming: false,
    leaving: false,
  };
  if (question === undefined) return page;
  const cursor = shownOptions(page).findIndex((option) => isChosen(option, page));
  return { ...page, cursor: question.kind === "many" ? 0 : Math.max(0, cursor) };
}

export function currentQuestion(state: WizardState): Question | null {
  return state.questions[state.index] ?? null;
}

/** The options of the page; a `path` question has one more, for a folder that is typed. */
export function shownOptions(state: WizardState): readonly Option[] {
  const question = currentQuestion(state);
  if (question === null) return [];
  const options = question.options(state.planning, state.answers);
  if (question.kind !== "path") return options;
  const other = state.answers.storage.startsWith("/")
    ? state.answers.storage
    : "You type its path.";
  return [...options, { value: typedPath, label: "Another folder", detail: other, locked: false }];
}

export function isChosen(option: Option, state: WizardState): boolean {
  if (option.locked || state.chosen.includes(option.value)) return true;
  const question = currentQuestion(state);
  if (option.value !== typedPath || question === null) return false;
  const own = question.options(state.planning, state.answers).map(({ value }) => value);
  return state.chosen.some((value) => !own.includes(value));
}

/** The token errand came back. */
export function tokenChecked(state: WizardState, check: TokenCheck): WizardState {
  if (state.errand?.kind !== "token") return state;
  if (check.ok) return goTo(state, state.index + 1, state.errand.answers);
  return {
    ...state,
    errand: null,
    typed: state.typed === null ? null : "",
    problem: refusedTokenText(check.message, state.typed !== null),
  };
}

export function previewed(state: WizardState, plan: PlanReady): WizardState {
  return state.errand?.kind === "preview" ? { ...state, errand: null, plan } : state;
}

/** An errand failed: said in place, and the page stays. */
export function effectFailed(state: WizardState, problem: string): WizardState {
  return { ...state, errand: null, problem };
}
