import { wrapText } from "../../text-width.ts";
import { frameColumns, frameRows } from "../frame-size.ts";
import { blank, span, type Line } from "../line.ts";
import { questionPage } from "./question-page.ts";
import { resumePage } from "./resume-page.ts";
import { summaryPage } from "./summary-page.ts";
import type { WizardView } from "./view.ts";
import { wizardHeader } from "./wizard-header.ts";
import { currentQuestion } from "./wizard-state.ts";

/** The page that the wizard shows now; its keys are always on it. */
export function wizardPage(view: WizardView): Line[] {
  const lines = pageOf(view);
  const rows = frameRows(view.size);
  if (lines.length > rows) return [...lines.slice(0, rows - 1), ...lines.slice(-1)];
  // Apart from the lines that scrolled away above.
  return rows >= 20 && lines.length < rows ? [blank, ...lines] : lines;
}

function pageOf(view: WizardView): Line[] {
  const question = currentQuestion(view.wizard);
  if (view.wizard.leaving) return leavingPage(view);
  if (view.wizard.resuming) return resumePage(view);
  if (view.wizard.help)
    return helpPage(view, question?.help ?? summaryHelp, question?.flag ?? null);
  return question === null ? summaryPage(view) : questionPage(view, question);
}

const summaryHelp =
  "This page shows all that heros will do: what it downloads and to where, which of its files it writes, and which containers it starts. " +
  "Lines with a plus are added, lines with a minus are taken out. Files of yours are never overwritten. " +
  "Nothing happens before you say yes.";

function helpPage(view: WizardView, text: string, flag: string | null): Line[] {
  const columns = frameColumns(view.size);
  const lines = wrapText(text, columns).map((line): Line => [span(line)]);
  const again = flag === null ? [] : [[span(`As a flag: ${flag}`, "quiet")]];
  const room = Math.max(1, frameRows(view.size) - 2);
  return [
    wizardHeader(view),
    ...[...lines, ...again].slice(0, room),
    [span("Any key: back to the question", "quiet")],
  ];
}

function leavingPage(view: WizardView): Line[] {
  return [
    wizardHeader(view),
    [span("Stop here?", "strong")],
    [span("Nothing has been changed. Your answers are kept.")],
    blank,
    [
      { ...span("y/N", "strong"), widget: "confirm" },
      span("   y: stop   n or Esc: go on", "quiet"),
    ],
  ];
}
