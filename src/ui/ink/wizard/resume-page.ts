import type { Question } from "../../../plan/questions.ts";
import { cleanText } from "../../words/sentence.ts";
import { frameRows } from "../frame-size.ts";
import { blank, span, type Line } from "../line.ts";
import { headerLine } from "../live/header.ts";
import type { Press } from "./keys.ts";
import type { WizardView } from "./view.ts";
import { goTo, type WizardState } from "./wizard-state.ts";

/** The first page where an interrupted wizard left answers: what they are, and whether to go on with them. */
export function resumePage(view: WizardView): Line[] {
  const { questions } = view.wizard;
  const answers = questions.map((question): Line => [
    span("  "),
    span(cleanText(chosenWords(view.wizard, question))),
  ]);
  const room = Math.max(0, frameRows(view.size) - 5);
  return [
    headerLine(view),
    [span("Go on where you stopped?", "strong")],
    [span("These are your answers from last time:", "quiet")],
    ...answers.slice(0, room),
    blank,
    [
      { ...span("Y/n", "strong"), widget: "confirm" },
      span("   y: show the plan   n: ask again   q: stop", "quiet"),
    ],
  ];
}

function chosenWords({ planning, answers }: WizardState, question: Question): string {
  const values = question.selected(answers);
  const labels = question
    .options(planning, answers)
    .filter(({ value, locked }) => locked || values.includes(value))
    .map(({ label }) => label);
  // A folder that was typed is no option.
  return labels.length > 0 ? labels.join("; ") : values.join(", ");
}

/** Yes: to the plan, or to the one question that last time's answers can't pass. No: the questions, with them chosen. */
export function pressedOnResume(state: WizardState, press: Press): WizardState {
  const letter = press.kind === "text" ? press.text.toLowerCase() : "";
  if (press.kind === "enter" || letter === "y") {
    const refused = state.questions.findIndex(
      ({ id }) => id === "unsupported" && !state.answers.unsupported,
    );
    return goTo(state, refused === -1 ? state.questions.length : refused, state.answers);
  }
  if (letter === "n") return goTo(state, 0, state.answers);
  return press.kind === "escape" || letter === "q" ? { ...state, leaving: true } : state;
}
