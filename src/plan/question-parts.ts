import { exitCodes, Failure } from "../progress/failure.ts";
import type { Option, Question } from "./questions.ts";

/** An option that can be left out. */
export function option(value: string, label: string, detail: string): Option {
  return { value, label, detail, locked: false };
}

/** @throws Failure `plan.bad_answer` (exit 2) */
export function parseYesNo(question: Question, value: string): boolean {
  if (/^(yes|true|1)$/i.test(value)) return true;
  if (/^(no|false|0)$/i.test(value)) return false;
  throw badAnswer(question, value, "yes or no");
}

/** What is no answer to the question, with what would be one; on a form, `formRight`. */
export function badAnswer(
  question: Question,
  value: string,
  right: string,
  formRight = right,
): Failure {
  return new Failure({
    code: "plan.bad_answer",
    message: `"${value}" is no answer to "${question.prompt}"`,
    hint: `Give ${right} (${question.flag}, ${question.environment}, or ${question.configKey} in the config file).`,
    formHint: `Give ${formRight}.`,
    exitCode: exitCodes.usage,
  });
}
