import type { RunState } from "../../../progress/state.ts";
import type { Size } from "../line.ts";
import type { Theme } from "../theme.ts";
import type { RunKeys } from "../../writer.ts";

/** All that the live screen is made from. */
export interface LiveView {
  readonly state: RunState;
  readonly elapsedMs: number;
  readonly tick: number;
  readonly size: Size;
  readonly theme: Theme;
  /** Those that mean something now. */
  readonly keys: RunKeys;
}
