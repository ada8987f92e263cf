import type { RunState } from "../../../progress/state.ts";
import type { Size } from "../line.ts";
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
