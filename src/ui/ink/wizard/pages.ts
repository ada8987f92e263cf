import type { Question } from "../../../plan/questions.ts";
import { currentQuestion, settlesAll } from "../../../plan/interview.ts";
import { cleanText } from "../../clean-text.ts";
import { padded, textWidth, wrapText } from "../../text-width.ts";
import { answerFacts, changeText, earlierAnswers, earlierTitle } from "../../messages/plan.ts";
import { stopAskingText } from "../../messages/run.ts";
import { waitSpan, wizardHeader, type WizardView } from "../header.ts";
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
import { checkRows } from "../log-rows.ts";
import { questionPage } from "./question-page.ts";
import { boundedScroll, diffRows, summaryPage, withinSummary } from "./summary-page.ts";
import type { Panel, WizardState } from "./wizard-state.ts";

/** The page that the wizard shows now; its keys are always on it. */
export function wizardPage(view: WizardView): Line[] {
  const lines = pageOf(view);
  const rows = frameRows(view.size);
  if (lines.length > rows) return [...lines.slice(0, rows - 1), ...lines.slice(-1)];
  // Apart from the lines that scrolled away above.
  return rows >= 20 && lines.length < rows ? [blank, ...lines] : lines;
}

/** The state with nothing scrolled further than its page shows. */
export function withinPage(view: WizardView): WizardState {
  const { wizard } = view;
  if (wizard.panel !== null) {
    const total = panelLines(view, wizard.panel).length;
    const scroll = boundedScroll(wizard.panel.scroll, total, panelRoom(view.size));
    return { ...wizard, panel: { ...wizard.panel, scroll } };
  }
  if (currentQuestion(wizard) !== null || wizard.plan === null || wizard.scroll === 0)
    return wizard;
  return { ...wizard, scroll: withinSummary(view, wizard.plan) };
}

function pageOf(view: WizardView): Line[] {
  const question = currentQuestion(view.wizard);
  if (view.wizard.leaving) return leavingPage(view);
  if (view.wizard.page === "earlier") return resumePage(view);
  if (view.wizard.panel !== null) return panelPage(view, view.wizard.panel);
  return question === null ? summaryPage(view) : questionPage(view, question);
}

/** The first page where an earlier run left answers: what they are, what they would change now, and whether to go on with them. */
function resumePage(view: WizardView): Line[] {
  const { interview } = view.wizard;
  const columns = frameColumns(view.size);
  const given = answerFacts(interview, view.wizard);
  const width = Math.max(0, ...given.map(({ label }) => textWidth(label))) + 2;
  const answers = given.map(({ label, value }) =>
    wrapText(cleanText(value), columns - width - 2).map((row, index): Line => [
      span(`  ${padded(index === 0 ? label : "", width)}`, "quiet"),
      span(row),
    ]),
  );
  const whole = answers.flat();
  const title = wrapText(earlierTitle(interview.earlier), columns).map((text): Line => [
    span(text, "strong"),
  ]);
  const changes = changeRows(view, columns);
  const yes = settlesAll(view.wizard) ? "review" : "continue";
  const keys = [`y: ${yes}`, "n: start over", "q: quit"];
  const gap = "   ";
  const foot: Line = [
    { ...span("Y/n", "strong"), widget: "confirm" },
    span(gap),
    ...footSpans(keys, columns - "Y/n".length - gap.length, ["y: yes", "n: start over", "q: quit"]),
  ];
  let room = frameRows(view.size) - title.length - changes.length - 2;
  const take = (lines: readonly Line[]): readonly Line[] => {
    if (lines.length > room) return [];
    room -= lines.length;
    return lines;
  };
  const cut = answers.flatMap((rows) => rows.slice(0, 1));
  const shown = whole.length <= room ? whole : cut.slice(0, room);
  room -= shown.length;
  const why = take([[span(earlierAnswers, "quiet")]]);
  const gaps = [take([blank]), take([blank]), take([blank])];
  return [
    wizardHeader(view),
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
    return [[waitSpan(view), span(" Preparing the plan")]];
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
    [span("Quit setup?", "strong")],
    ...wrapText(cleanText(stopAskingText(view.state)), frameColumns(view.size)).map(
      (text): Line => [span(text)],
    ),
    blank,
    [
      { ...span("y/N", "strong"), widget: "confirm" },
      span("   "),
      ...footSpans(
        ["y or q: quit", "any other key: continue"],
        frameColumns(view.size) - "y/N   ".length,
        ["y: quit", "n: continue"],
      ),
    ],
  ];
}

const summaryHelp =
  "This is everything that heros will do: which models it downloads and where to, which files it writes, and which containers it starts. " +
  "+ and - count the lines that are added to a file and removed from it; d shows them. Your own files are never overwritten. " +
  "Nothing happens until you press y, or Enter on Yes, start.";

const failedPlanHelp =
  "heros can't do this as answered. Go back to change an answer, or fix what the page names and come here again. Nothing has been changed.";

const digits: Readonly<Record<Question["kind"], string>> = {
  many: "Space, or its number 1–9, toggles a set; a selects all or none",
  confirm: "1–9 go to an answer",
  one: "1–9 go to an answer",
  secret: "1–9 go to an answer",
  path: "1–9 go to an answer",
};

function questionKeys({ kind }: Question, isTyping: boolean): string {
  if (isTyping) {
    return "Keys: Enter takes what you typed or pasted, Esc goes back to the answers; Backspace deletes, Ctrl-U clears. All other keys are text.";
  }
  return `Keys: up and down, or j and k, move; ${digits[kind]}; Enter or the right arrow continues; Esc or the left arrow goes back and keeps your answers; l shows the checks of this machine; q quits.`;
}

const summaryKeys =
  "Keys: y starts, n or q quits, d shows the file changes, b or Esc goes back, l shows the checks of this machine; left and right choose a button, Enter presses it; up and down, or j and k, scroll.";

const failedPlanKeys =
  "Keys: b or Esc goes back, l shows the checks of this machine, n or q quits.";

/** What is in front of the page; scrolled where it is longer than the screen. */
function panelPage(view: WizardView, panel: Panel): Line[] {
  const lines = panelLines(view, panel);
  const room = panelRoom(view.size);
  const from = boundedScroll(panel.scroll, lines.length, room);
  const { up, down } = view.theme.symbols;
  const last = Math.min(lines.length, from + room);
  const place = `(${last}/${lines.length})`;
  const isLong = lines.length > room;
  const letter = { help: "?", diff: "d", checks: "l" }[panel.kind];
  return [
    wizardHeader(view),
    ...lines.slice(from, from + room),
    footLine(
      [isLong ? `${up} ${down} PgUp PgDn: scroll ${place}` : "", `${letter} or Esc: close`],
      view.size,
      [isLong ? `${up} ${down}: scroll ${place}` : "", "Esc: close"],
    ),
  ];
}

function panelRoom(size: Size): number {
  return Math.max(1, frameRows(size) - 2);
}

function panelLines(view: WizardView, { kind }: Panel): Line[] {
  const columns = frameColumns(view.size);
  switch (kind) {
    case "help":
      return helpLines(columns, view.wizard);
    case "diff":
      return view.wizard.plan === null ? [] : diffRows(view.wizard.plan, columns);
    case "checks":
      return checkRows(view.state, columns, view.theme);
  }
}

function helpLines(columns: number, wizard: WizardState): Line[] {
  const question = currentQuestion(wizard);
  const [help, keys] =
    question !== null
      ? [question.help, questionKeys(question, wizard.typed !== null)]
      : wizard.plan !== null
        ? [summaryHelp, summaryKeys]
        : [failedPlanHelp, failedPlanKeys];
  const wrapped = (text: string, role: "plain" | "quiet"): Line[] =>
    wrapText(text, columns).map((line) => [span(line, role)]);
  return [
    ...wrapped(help, "plain"),
    blank,
    ...wrapped(keys, "quiet"),
    ...(question === null
      ? []
      : wrapped(`To skip this question next time: ${question.flag}`, "quiet")),
  ];
}
