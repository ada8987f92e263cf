import { type Answers, type Question, withAnswer } from "../../../plan/questions.ts";
import {
  askAnew,
  currentQuestion,
  nextStep,
  previousStep,
  takeEarlier,
} from "../../../plan/interview.ts";
import { Failure } from "../../../run/failure.ts";
import { cleanText } from "../../clean-text.ts";
import { emptyFieldText } from "../../messages/plan.ts";
import type { Press } from "../keys.ts";
import {
  type Panel,
  shownOptions,
  showStep,
  typedPath,
  typedValue,
  type WizardState,
} from "./wizard-state.ts";

/** The wizard after a key. Pure: what has to be asked of somebody is left as an effect. */
export function pressed(state: WizardState, press: Press): WizardState {
  if (state.outcome !== null) return state;
  if (state.leaving) return leave(state, press);
  if (state.page === "earlier") return pressedOnResume(state, press);
  if (state.panel !== null) return pressedOnPanel(state, press, state.panel);
  if (state.effect !== null)
    return press.kind === "escape" ? callBack(state) : askToLeave(state, press);
  if (state.typed !== null) return type(state, press, state.typed);
  const question = currentQuestion(state);
  return question === null ? pressedOnSummary(state, press) : onOptions(state, press, question);
}

/** Text that was pasted: taken over where something is typed, or where a secret can be. */
export function pasted(state: WizardState, text: string): WizardState {
  if (state.leaving || state.page === "earlier" || state.panel !== null || state.effect !== null)
    return state;
  const question = currentQuestion(state);
  if (question?.kind === "secret")
    return { ...state, typed: (state.typed ?? "") + text.trim(), problem: null };
  if (state.typed === null) return state;
  return typedAs(state, state.typed + cleanText(text.replaceAll(/[\r\n]+/g, "")));
}

/** Text that an editor holds now. What it can't have understood, it forgets again. */
export function edited(state: WizardState, text: string): WizardState {
  if (state.typed === null || state.typed === text) return state;
  if (cleanText(text) !== text) return typedAs(state, state.typed);
  return { ...state, typed: text, problem: null };
}

function typedAs(state: WizardState, typed: string): WizardState {
  return { ...state, typed, typedAnew: state.typedAnew + 1, problem: null };
}

function onOptions(state: WizardState, press: Press, question: Question): WizardState {
  const options = shownOptions(state);
  const cursor = Math.min(state.cursor, Math.max(0, options.length - 1));
  switch (press.kind) {
    case "up":
      return moved(state, (cursor + options.length - 1) % options.length);
    case "down":
      return moved(state, (cursor + 1) % options.length);
    case "first":
    case "pageUp":
      return moved(state, 0);
    case "last":
    case "pageDown":
      return moved(state, options.length - 1);
    case "left":
    case "escape":
      return goneBack(state);
    case "right":
    case "enter":
      return take(state, question);
    case "text":
      return onText(state, press.text, question);
    default:
      return state;
  }
}

/** So many letters at once are no keys but a paste. */
const shortestPaste = 8;

function onText(state: WizardState, text: string, question: Question): WizardState {
  if (text.length === 1) return onLetter(state, text, question);
  if (text.length >= shortestPaste) return pasted(state, text);
  return Array.from(text).reduce<WizardState>(
    (now, letter) => pressed(now, { kind: "text", text: letter }),
    state,
  );
}

function onLetter(state: WizardState, text: string, question: Question): WizardState {
  const options = shownOptions(state);
  if (text === "?") return opened(state, "help");
  if (text === "l") return opened(state, "checks");
  if (text === "q") return { ...state, leaving: true };
  if (text === "k") return onOptions(state, { kind: "up" }, question);
  if (text === "j") return onOptions(state, { kind: "down" }, question);
  const number = /^[1-9]$/.test(text) ? Number(text) - 1 : null;
  if (number !== null) {
    if (number >= options.length) return state;
    const there = moved(state, number);
    return question.kind === "many" ? toggled(there, number) : there;
  }
  if (question.kind !== "many") return state;
  if (text === " ") return toggled(state, state.cursor);
  return text === "a" ? allToggled(state) : state;
}

function toggled(state: WizardState, index: number): WizardState {
  const option = shownOptions(state)[index];
  if (option === undefined) return state;
  if (option.locked) return { ...state, problem: `${option.label} is required.` };
  const chosen = state.chosen.includes(option.value)
    ? state.chosen.filter((value) => value !== option.value)
    : [...state.chosen, option.value];
  return { ...state, chosen, problem: null };
}

/** Everything; where everything is chosen already, nothing but what is locked. */
function allToggled(state: WizardState): WizardState {
  const options = shownOptions(state);
  const all = options.every(({ value }) => state.chosen.includes(value));
  const chosen = options.filter(({ locked }) => locked || !all).map(({ value }) => value);
  return { ...state, chosen, problem: null };
}

/** Enter: the page's answer is taken over, and the next page comes. */
function take(state: WizardState, question: Question): WizardState {
  const option = shownOptions(state)[state.cursor];
  if (question.kind === "many") return apply(state, question, ordered(state));
  if (option === undefined) return state;
  if (question.kind === "confirm" && option.value === "no") {
    return { ...state, outcome: { answers: null } };
  }
  if (option.value === typedPath) {
    const kept = typedValue(state, question) ?? "";
    return { ...state, typed: state.draft === "" ? kept : state.draft, problem: null };
  }
  if (question.kind === "secret" && option.value === "pasted") {
    const kept = question.selected(state.answers).includes("pasted");
    return kept
      ? showStep(state, nextStep(state.interview, state, state.answers))
      : { ...state, typed: "", problem: null };
  }
  return apply(state, question, [option.value]);
}

function ordered(state: WizardState): string[] {
  return shownOptions(state)
    .filter(({ value, locked }) => locked || state.chosen.includes(value))
    .map(({ value }) => value);
}

function apply(state: WizardState, question: Question, values: readonly string[]): WizardState {
  let answers: Answers;
  try {
    const { interview } = state;
    answers = withAnswer(state.answers, question, values, interview.catalog, interview);
  } catch (error) {
    if (error instanceof Failure)
      return { ...state, problem: `${error.message} ${error.formHint}` };
    throw error;
  }
  const secret = question.secret?.(answers) ?? null;
  if (secret !== null) {
    return { ...state, effect: { kind: "token", answers, secret }, problem: null };
  }
  if (question.typesFolder?.(answers) === true) {
    return { ...state, effect: { kind: "folder", answers }, problem: null };
  }
  return showStep(state, nextStep(state.interview, state, answers));
}

function type(state: WizardState, press: Press, typed: string): WizardState {
  const question = currentQuestion(state);
  switch (press.kind) {
    case "text":
      // No token holds this sign.
      if (question?.kind === "secret" && press.text === "?") return opened(state, "help");
      return typedAs(state, typed + press.text);
    case "backspace":
      return typedAs(state, typed.replace(/.$/su, ""));
    case "clear":
      return typedAs(state, "");
    case "escape":
      return { ...state, typed: null, draft: draftOf(question, typed), problem: null };
    case "enter":
      if (question === null) return { ...state, typed: null };
      if (typed.trim() === "") return { ...state, problem: emptyFieldText(question.kind) };
      return apply(state, question, [typed.trim()]);
    default:
      return state;
  }
}

/** What was typed is there again later; never a secret. */
function draftOf(question: Question | null, typed: string): string {
  return question?.kind === "path" ? typed : "";
}

/** Esc while something is being asked of the Hub or the machine: the answer is no longer wanted. */
function callBack(state: WizardState): WizardState {
  return state.effect?.kind === "preview" ? goneBack(state) : { ...state, effect: null };
}

function askToLeave(state: WizardState, press: Press): WizardState {
  return press.kind === "text" && press.text === "q" ? { ...state, leaving: true } : state;
}

function leave(state: WizardState, press: Press): WizardState {
  const yes = press.kind === "text" && /^[yq]$/i.test(press.text);
  return yes ? { ...state, outcome: { answers: null } } : { ...state, leaving: false };
}

function moved(state: WizardState, cursor: number): WizardState {
  return { ...state, cursor, problem: null };
}

/** The buttons of the review, in their order. */
export const buttons = ["Yes, start", "Back", "Quit"] as const;

/** The review after a key: scrolling, its buttons, and a letter for each of them. */
function pressedOnSummary(state: WizardState, press: Press): WizardState {
  const last = buttons.length - 1;
  switch (press.kind) {
    case "left":
      return { ...state, cursor: Math.max(0, state.cursor - 1) };
    case "right":
      return { ...state, cursor: Math.min(last, state.cursor + 1) };
    case "up":
      return { ...state, scroll: Math.max(0, state.scroll - 1) };
    case "down":
      return { ...state, scroll: state.scroll + 1 };
    case "pageUp":
      return { ...state, scroll: Math.max(0, state.scroll - 10) };
    case "pageDown":
      return { ...state, scroll: state.scroll + 10 };
    case "first":
      return { ...state, scroll: 0 };
    case "escape":
      return goneBack(state);
    case "enter":
      return pushed(state, state.cursor);
    case "text":
      return onSummaryLetter(state, press.text);
    default:
      return state;
  }
}

function onSummaryLetter(state: WizardState, text: string): WizardState {
  switch (text) {
    case "?":
      return opened(state, "help");
    case "d":
      return state.plan === null ? state : opened(state, "diff");
    case "l":
      return opened(state, "checks");
    case "k":
      return pressedOnSummary(state, { kind: "up" });
    case "j":
      return pressedOnSummary(state, { kind: "down" });
    case "y":
    case "1":
      return pushed(state, 0);
    case "b":
    case "2":
      return goneBack(state);
    case "q":
    case "n":
    case "3":
      return { ...state, leaving: true };
    default:
      return state;
  }
}

function pushed(state: WizardState, button: number): WizardState {
  if (button === 1) return goneBack(state);
  if (button === 2) return { ...state, leaving: true };
  // Without a plan nobody knows what yes would mean.
  return state.plan === null ? state : { ...state, outcome: { answers: state.answers } };
}

/** To the page before; where there is none, "Stop here?" is asked. */
function goneBack(state: WizardState): WizardState {
  const before = previousStep(state.interview, state);
  return before === null ? { ...state, leaving: true } : showStep(state, before);
}

/** Yes: to the plan, or to the one question that last time's answers can't pass. No: the questions, with them chosen. */
function pressedOnResume(state: WizardState, press: Press): WizardState {
  const letter = press.kind === "text" ? press.text.toLowerCase() : "";
  if (press.kind === "enter" || letter === "y")
    return showStep(state, takeEarlier(state.interview, state));
  if (letter === "n") return showStep(state, askAnew(state.interview, state));
  return press.kind === "escape" || letter === "q" ? { ...state, leaving: true } : state;
}

function opened(state: WizardState, kind: Panel["kind"]): WizardState {
  return { ...state, panel: { kind, scroll: 0 } };
}

const farAway = 1_000_000;

/** The arrows read on; any other key but those that lead from page to page goes back. */
function pressedOnPanel(state: WizardState, press: Press, panel: Panel): WizardState {
  const scrolled = (rows: number): WizardState => ({
    ...state,
    panel: { ...panel, scroll: Math.max(0, panel.scroll + rows) },
  });
  if (press.kind === "down" || isLetter(press, "j")) return scrolled(1);
  if (press.kind === "up" || isLetter(press, "k")) return scrolled(-1);
  if (press.kind === "pageDown" || isLetter(press, " ")) return scrolled(10);
  if (press.kind === "pageUp") return scrolled(-10);
  if (press.kind === "first") return scrolled(-farAway);
  if (press.kind === "last") return scrolled(farAway);
  if (press.kind === "left" || press.kind === "right") return state;
  return { ...state, panel: null };
}

function isLetter(press: Press, letter: string): boolean {
  return press.kind === "text" && press.text === letter;
}
