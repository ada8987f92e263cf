import type { Answers } from "../../plan/answers.ts";
import type { Planning } from "../../plan/planning.ts";
import type { Question } from "../../plan/questions.ts";
import type { PlanReady } from "../../progress/events/plan.ts";
import { formatBytes } from "../../progress/units.ts";
import { counted } from "./sentence.ts";

/** What is asked where an earlier run left answers. */
export function earlierTitle(earlier: Planning["earlier"]): string {
  return earlier === "finished"
    ? "Annie was set up here before. Go on with the same answers?"
    : "Go on where you stopped?";
}

export const earlierAnswers = "These are your answers from last time:";

/** A line for each question and what was answered. Consent to another machine is not kept, so there is no earlier answer to it. */
export function answerLines(
  questions: readonly Question[],
  planning: Planning,
  answers: Answers,
): string[] {
  return questions
    .filter(({ id }) => id !== "unsupported")
    .map((question) => {
      const values = question.selected(answers);
      const labels = question
        .options(planning, answers)
        .filter(({ value, locked }) => locked || values.includes(value))
        .map(({ label }) => label);
      // A folder that was typed is no option.
      return `${question.title}: ${(labels.length > 0 ? labels : values).join("; ")}`;
    });
}

/** What these answers would change now, and what is there already. */
export function changeWords(plan: PlanReady): string {
  const missing = Math.max(0, plan.totalBytes - plan.cachedBytes);
  const changed = plan.files.filter(({ action }) => action !== "unchanged").length;
  const here = `${formatBytes(plan.cachedBytes)} of ${formatBytes(plan.totalBytes)} of models are here`;
  if (missing === 0 && changed === 0) {
    return "Nothing would change: all models are here, and every file is as it should be.";
  }
  return `${here}; ${formatBytes(missing)} would be downloaded and ${counted(changed, "file")} changed.`;
}
