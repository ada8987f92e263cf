import { previousStep } from "../../../plan/steps.ts";
import type { Press } from "./keys.ts";
import { showStep, type WizardState } from "./wizard-state.ts";

/** The buttons of the summary, in their order. */
export const buttons = ["Yes, begin", "Back", "Stop"] as const;

/** The summary after a key: scrolling, its buttons, and a letter for each of them. */
export function pressedOnSummary(state: WizardState, press: Press): WizardState {
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
      return back(state);
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
      return { ...state, help: 0 };
    case "k":
      return pressedOnSummary(state, { kind: "up" });
    case "j":
      return pressedOnSummary(state, { kind: "down" });
    case "y":
    case "1":
      return pushed(state, 0);
    case "b":
    case "2":
      return back(state);
    case "q":
    case "n":
    case "3":
      return { ...state, leaving: true };
    default:
      return state;
  }
}

function pushed(state: WizardState, button: number): WizardState {
  if (button === 1) return back(state);
  if (button === 2) return { ...state, leaving: true };
  // Without a plan nobody knows what yes would mean.
  return state.plan === null ? state : { ...state, outcome: { answers: state.answers } };
}

/** To the question before; from the first one out of the wizard, if the person confirms that. */
export function back(state: WizardState): WizardState {
  const before = previousStep(state.planning, state);
  return before === null ? { ...state, leaving: true } : showStep(state, before);
}
