import { currentQuestion, type Interview } from "../../src/plan/interview.ts";
import { initialState } from "../../src/run/state/state.ts";
import type { Press } from "../../src/ui/ink/keys.ts";
import { createTheme } from "../../src/ui/ink/theme.ts";
import { withinPage, wizardPage } from "../../src/ui/ink/wizard/pages.ts";
import { pressed } from "../../src/ui/ink/wizard/press.ts";
import { openWizard, type WizardState } from "../../src/ui/ink/wizard/wizard-state.ts";
import { cannedInterview } from "./canned-interview.ts";

export const enter: Press = { kind: "enter" };
export const down: Press = { kind: "down" };
export const escape: Press = { kind: "escape" };

export function text(value: string): Press {
  return { kind: "text", text: value };
}

/** The wizard after these keys. */
export function wizard(presses: readonly Press[], interview: Partial<Interview> = {}): WizardState {
  return presses.reduce(pressed, openWizard(cannedInterview(interview)));
}

/** The question that is asked now; undefined on the summary. */
export function question(state: WizardState): string | undefined {
  return currentQuestion(state)?.id;
}

export function pageLines(state: WizardState, size: { columns: number; rows: number }) {
  const theme = createTheme({ color: false, unicode: true });
  return wizardPage({ wizard: state, state: initialState, tick: 0, size, theme });
}

/** The wizard with nothing scrolled further than its page shows. */
export function within(state: WizardState, size: { columns: number; rows: number }): WizardState {
  const theme = createTheme({ color: false, unicode: true });
  return withinPage({ wizard: state, state: initialState, tick: 0, size, theme });
}

/** The page as text, on a terminal where nothing has to be left out. */
export function page(state: WizardState): string {
  return pageLines(state, { columns: 100, rows: 40 })
    .map((line) => line.map((part) => part.text).join(""))
    .join("\n");
}
