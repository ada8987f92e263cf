import type { Question } from "../../../plan/questions.ts";
import { currentQuestion, settlesAll } from "../../../plan/steps.ts";
import { cleanText } from "../../clean-text.ts";
import { answerLines, changeText, earlierAnswers, earlierTitle } from "../../messages/plan.ts";
import { stopAskingText } from "../../messages/run.ts";
import { wrapText } from "../../text-width.ts";
import { headerLine, waitSpan, wizardHeader, type WizardView } from "../header.ts";
import {
  blank,
  footLine,
  footSpans,
  frameColumns,
  frameRows,
  type Line,
  type Size,
  span,
} from "../line.ts";
import { questionPage } from "./question-page.ts";
import { boundedScroll, summaryPage, withinSummary } from "./summary-page.ts";
import type { WizardState } from "./wizard-state.ts";

/** The page that the wizard shows now; its keys are always on it. */
export function wizardPage(view: WizardView): Line[] {
  const lines = pageOf(view);
  const rows = frameRows(view.size);
  if (lines.length > rows) return [...lines.slice(0, rows - 1), ...lines.slice(-1)];
  // Apart from the lines that scrolled away above.
  return rows >= 20 && lines.length < rows ? [blank, ...lines] : lines;
}

/** The state with nothing scrolled further than its page shows. */
export function withinPage(wizard: WizardState, size: Size): WizardState {
  const question = currentQuestion(wizard);
  if (wizard.help !== null) return { ...wizard, help: withinHelp(wizard.help, size, question) };
  if (question !== null || wizard.plan === null || wizard.scroll === 0) return wizard;
  return { ...wizard, scroll: withinSummary(wizard.scroll, size, wizard.plan) };
}

function pageOf(view: WizardView): Line[] {
  const question = currentQuestion(view.wizard);
  if (view.wizard.leaving) return leavingPage(view);
  if (view.wizard.page === "earlier") return resumePage(view);
  if (view.wizard.help !== null) return helpPage(view, question, view.wizard.help);
  return question === null ? summaryPage(view) : questionPage(view, question);
}

/** The first page where an earlier run left answers: what they are, what they would change now, and whether to go on with them. */
function resumePage(view: WizardView): Line[] {
  const { interview } = view.wizard;
  const columns = frameColumns(view.size);
  const given = answerLines(interview, view.wizard).map(cleanText);
  const whole = given.flatMap((line) =>
    wrapText(line, columns - 4).map((row, index): Line => [
      span(index === 0 ? "  " : "    "),
      span(row),
    ]),
  );
  const title = wrapText(earlierTitle(interview.earlier), columns).map((text): Line => [
    span(text, "strong"),
  ]);
  const changes = changeRows(view, columns);
  const yes = settlesAll(view.wizard) ? "show the plan" : "continue";
  const keys = [`y: ${yes}`, "n: start over", "q: stop"];
  const gap = "   ";
  const foot: Line = [
    { ...span("Y/n", "strong"), widget: "confirm" },
    span(gap),
    ...footSpans(keys, columns - "Y/n".length - gap.length, ["y: yes", "n: start over", "q: stop"]),
  ];
  let room = frameRows(view.size) - title.length - changes.length - 2;
  const take = (lines: readonly Line[]): readonly Line[] => {
    if (lines.length > room) return [];
    room -= lines.length;
    return lines;
  };
  const cut = given.map((line): Line => [span("  "), span(line)]);
  const shown = whole.length <= room ? whole : cut.slice(0, room);
  room -= shown.length;
  const why = take([[span(earlierAnswers, "quiet")]]);
  const gaps = [take([blank]), take([blank]), take([blank])];
  return [
    headerLine(view),
    ...title,
    ...(gaps[1] ?? []),
    ...why,
    ...shown,
    ...(gaps[2] ?? []),
    ...changes,
    ...(gaps[0] ?? []),
    foot,
  ];
}

function changeRows(view: WizardView, columns: number): Line[] {
  const { plan, problem } = view.wizard;
  if (plan === null && problem === null) {
    return [[waitSpan(view), span(" Working out what would change")]];
  }
  const role = problem === null ? "plain" : "warning";
  const words = plan === null ? (problem ?? "") : changeText(plan);
  return wrapText(cleanText(words), columns)
    .slice(0, 4)
    .map((text): Line => [span(text, role)]);
}

function leavingPage(view: WizardView): Line[] {
  return [
    wizardHeader(view),
    [span("Stop here?", "strong")],
    ...wrapText(cleanText(stopAskingText(view.state)), frameColumns(view.size)).map(
      (text): Line => [span(text)],
    ),
    blank,
    [
      { ...span("y/N", "strong"), widget: "confirm" },
      span("   "),
      ...footSpans(["y: stop", "n or Esc: go on"], frameColumns(view.size) - "y/N   ".length),
    ],
  ];
}

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
  const { up, down } = view.theme.symbols;
  const last = Math.min(lines.length, from + room);
  const more = lines.length > room ? `${up} ${down}: read on (${last}/${lines.length})` : "";
  return [
    wizardHeader(view),
    ...lines.slice(from, from + room),
    footLine([more, "Esc: back"], view.size),
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
