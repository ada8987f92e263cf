import type { Answers } from "../../plan/answers.ts";
import type { Planning } from "../../plan/planning.ts";
import type { Option, Question } from "../../plan/questions.ts";

/** The extra choice of a path question: a folder that is typed. */
export const typedPath = "\u0000typed";

/** The options of a question; one of a path has one more, for a folder that is typed. */
export function shownOptions(
  question: Question,
  planning: Planning,
  answers: Answers,
): readonly Option[] {
  const options = question.options(planning, answers);
  if (question.kind !== "path") return options;
  return [
    ...options,
    { value: typedPath, label: "Another folder", detail: "You type its path.", locked: false },
  ];
}

/** "2. Speech-to-text. Important: 3.09 GB. Chosen now." */
export function optionWords(option: Option, index: number, chosen: readonly string[]): string {
  const state = option.locked
    ? " Always part of it."
    : chosen.includes(option.value)
      ? " Chosen now."
      : "";
  return `${index + 1}. ${option.label}. ${option.detail.replace(/\.$/, "")}.${state}`;
}

/** What can be typed. */
export function instructions(question: Question): string {
  const what =
    question.kind === "many"
      ? "Type the numbers that you want, with spaces between, and press Enter."
      : "Type a number and press Enter.";
  return `${what} Enter alone keeps what is chosen now. Type ? for help, b to go back, q to stop.`;
}

/** Option values for typed numbers; null where one is none of them. */
export function chosenValues(typed: string, options: readonly Option[]): readonly string[] | null {
  const numbers = typed.split(/[\s,]+/).filter((part) => part !== "");
  const values = numbers.map((part) =>
    /^\d+$/.test(part) ? options[Number(part) - 1] : undefined,
  );
  const known = values.flatMap((option) => (option === undefined ? [] : [option.value]));
  return known.length === values.length && known.length > 0 ? known : null;
}
