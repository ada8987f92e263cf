import type { Question } from "../../../plan/questions.ts";
import { wrapText } from "../../text-width.ts";
import { frameColumns, frameRows } from "../frame-size.ts";
import { blank, span, type Line, type Size } from "../line.ts";
import type { Press } from "./keys.ts";
import { boundedScroll } from "./summary-page.ts";
import type { WizardView } from "./view.ts";
import { wizardHeader } from "./wizard-header.ts";
import type { WizardState } from "./wizard-state.ts";

const summaryHelp =
  "This page shows all that heros will do: what it downloads and to where, which of its files it writes, and which containers it starts. " +
  "Lines with a plus are added, lines with a minus are taken out. Files of yours are never overwritten. " +
  "Nothing happens before you say yes.";

const questionKeys =
  "Keys: the arrows, or j and k, move; 1–9 select, Space toggles, a selects all or none; Enter continues, Esc goes back and keeps your answers.";

const summaryKeys = "Keys: y begins, b or Esc goes back, q stops; the arrows, or j and k, read on.";

/** What the question means, its keys and its flag; scrolled where it is longer than the screen. */
export function helpPage(view: WizardView, question: Question | null, scroll: number): Line[] {
  const lines = helpLines(view.size, question);
  const room = helpRoom(view.size);
  const from = boundedScroll(scroll, lines.length, room);
  const { up, down } = view.theme.signs;
  const last = Math.min(lines.length, from + room);
  const more = lines.length > room ? `${up} ${down}: read on (${last}/${lines.length})  ` : "";
  return [
    wizardHeader(view),
    ...lines.slice(from, from + room),
    [span(`${more}Esc: back`, "quiet")],
  ];
}

function helpRoom(size: Size): number {
  return Math.max(1, frameRows(size) - 2);
}

function helpLines(size: Size, question: Question | null): Line[] {
  const columns = frameColumns(size);
  const wrapped = (text: string, role: "plain" | "quiet"): Line[] =>
    wrapText(text, columns).map((line) => [span(line, role)]);
  return [
    ...wrapped(question?.help ?? summaryHelp, "plain"),
    blank,
    ...wrapped(question === null ? summaryKeys : questionKeys, "quiet"),
    ...(question === null ? [] : wrapped(`Answered before it is asked: ${question.flag}`, "quiet")),
  ];
}

/** No further than its last row, so that a key back is seen at once. */
export function withinHelp(scroll: number, size: Size, question: Question | null): number {
  return boundedScroll(scroll, helpLines(size, question).length, helpRoom(size));
}

/** The arrows read on; any other key goes back. */
export function pressedOnHelp(state: WizardState, press: Press, scroll: number): WizardState {
  if (press.kind === "down" || isLetter(press, "j")) return { ...state, help: scroll + 1 };
  if (press.kind === "up" || isLetter(press, "k")) {
    return { ...state, help: Math.max(0, scroll - 1) };
  }
  return { ...state, help: null };
}

function isLetter(press: Press, letter: string): boolean {
  return press.kind === "text" && press.text === letter;
}
