import type { RunState } from "../../../run/state.ts";
import { headerLine } from "../header.ts";
import { frameColumns, type Line, type Size } from "../line.ts";
import type { Theme } from "../theme.ts";
import type { WizardState } from "./wizard-state.ts";

/** All that a page of the wizard is made from. */
export interface WizardView {
  readonly wizard: WizardState;
  readonly state: RunState;
  readonly tick: number;
  readonly size: Size;
  readonly theme: Theme;
}

/** The first row of the wizard's pages: what this is, and at which question. */
export function wizardHeader(view: WizardView): Line {
  const { index, questions } = view.wizard;
  const { state, size, theme } = view;
  if (index >= questions.length) return headerLine({ state, size, theme });
  const short = frameColumns(size) < 60;
  const place = `${short ? "" : "Question "}${index + 1} of ${questions.length}`;
  return headerLine({ state, size, theme, right: place });
}
