import { withName } from "../run/assistant.ts";
import type { Question } from "./questions.ts";

/** The question with the name of what is set up in its words. */
export function namedQuestion(question: Question, assistant: string | null): Question {
  const fill = (text: string) => withName(text, assistant);
  const { title, prompt, why, help } = question;
  return {
    ...question,
    title: fill(title),
    prompt: fill(prompt),
    why: fill(why),
    help: fill(help),
    options: (facts, answers) =>
      question
        .options(facts, answers)
        .map((each) => ({ ...each, label: fill(each.label), detail: fill(each.detail) })),
  };
}
