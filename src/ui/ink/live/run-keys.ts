import type { PauseSwitch } from "../../../progress/pause-switch.ts";
import type { RunState } from "../../../progress/state.ts";

/** What the keys of a run can do beside looking and stopping; null where there is nothing of the kind. */
export interface RunKeys {
  readonly pause: PauseSwitch | null;
  /** Leaves the run to a process in the background. */
  readonly leave: (() => void) | null;
  /** Stops the run in the background that is looked at. */
  readonly end: (() => void) | null;
}

export const noRunKeys: RunKeys = { pause: null, leave: null, end: null };

/** The keys that mean something at this moment of the run. */
export function keysNow(keys: RunKeys, state: RunState): RunKeys {
  const under = (name: string) =>
    state.stages.some(({ stage, state: now }) => stage === name && now === "running");
  return {
    pause: under("download") && state.download.finished === null ? keys.pause : null,
    leave: under("download") || under("annie") ? keys.leave : null,
    end: state.closing === null ? keys.end : null,
  };
}
