import { wrapText } from "../../text-width.ts";
import { cleanText } from "../../legible.ts";
import { stopAskingWords } from "../../words/stopping.ts";
import { frameColumns, frameRows } from "../frame-size.ts";
import { blank, span, type Line, type Size } from "../line.ts";
import { helpPage, withinHelp } from "./help-page.ts";
import { questionPage } from "./question-page.ts";
import { resumePage } from "./resume-page.ts";
import { summaryPage, withinSummary } from "./summary-page.ts";
import type { WizardView } from "./view.ts";
import { wizardHeader } from "./wizard-header.ts";
import { currentQuestion, type WizardState } from "./wizard-state.ts";

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
  if (view.wizard.resuming) return resumePage(view);
  if (view.wizard.help !== null) return helpPage(view, question, view.wizard.help);
  return question === null ? summaryPage(view) : questionPage(view, question);
}

function leavingPage(view: WizardView): Line[] {
  return [
    wizardHeader(view),
    [span("Stop here?", "strong")],
    ...wrapText(cleanText(stopAskingWords(view.state)), frameColumns(view.size)).map(
      (text): Line => [span(text)],
    ),
    blank,
    [
      { ...span("y/N", "strong"), widget: "confirm" },
      span("   y: stop   n or Esc: go on", "quiet"),
    ],
  ];
}
