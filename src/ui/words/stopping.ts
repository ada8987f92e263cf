import type { RunState } from "../../progress/state.ts";

/** What is left of a run that is stopped now. */
export function stopWords({ run, notices }: Pick<RunState, "run" | "notices">): string {
  if (run === null || run.demo) {
    const kept = notices.find(({ code }) => code === "demo.kept");
    return kept === undefined
      ? "The demo ends, and nothing of it is left."
      : `The demo ends. ${kept.message}`;
  }
  if (!run.stages.includes("download")) return "It stops here; nothing is left half done.";
  return `What is downloaded is kept; heros ${run.command} goes on from there.`;
}

/** The same while the questions are asked, when nothing has begun. */
export function stopAskingWords(state: Pick<RunState, "run" | "notices">): string {
  return state.run?.demo === true
    ? stopWords(state)
    : "Nothing has been changed. Your answers are kept for the next time.";
}
