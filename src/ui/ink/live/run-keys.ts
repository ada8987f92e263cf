import type { RunState } from "../../../progress/state.ts";
import type { RunKeys } from "../../writer.ts";

/** The keys that mean something at this moment of the run. */
export function keysNow({ pause, leave, end }: RunKeys, state: RunState): RunKeys {
  const under = (name: string) =>
    state.stages.some(({ stage, state: now }) => stage === name && now === "running");
  return {
    pause: under("download") && state.download.finished === null ? pause : null,
    leave: under("download") || under("annie") ? leave : null,
    end: state.closing === null ? end : null,
  };
}
