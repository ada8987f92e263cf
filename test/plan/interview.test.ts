import { expect, test } from "vitest";
import {
  askAnew,
  firstStep,
  type Interview,
  nextStep,
  previousStep,
  settlesAll,
  type Step,
  takeEarlier,
} from "../../src/plan/interview.ts";
import { initialAnswers } from "../../src/plan/questions.ts";
import { cannedInterview, catalog, spark } from "../ui/canned-interview.ts";

const answers = initialAnswers(catalog);
const shown = ({ page, questions, index }: Step) => questions[index]?.id ?? page;

/** Every step, where each answer is the one that stands. */
function walk(interview: Interview, step = firstStep(interview)): string[] {
  const seen = [shown(step)];
  let now = step;
  for (let count = 0; now.page === "question" && count < 20; count++) {
    now = nextStep(interview, now, now.answers);
    seen.push(shown(now));
  }
  return seen;
}

test("each open question is asked in order, and then comes the summary", () => {
  const interview = cannedInterview();
  expect(walk(interview)).toEqual(["groups", "token", "storage", "startup", "summary"]);
});

test("where all is decided the summary is first, also after an earlier run", () => {
  const decided = new Set(["groups", "token", "keepToken", "storage", "startup"] as const);
  expect(firstStep(cannedInterview({ decided })).page).toBe("summary");
  expect(firstStep(cannedInterview({ decided, earlier: "finished" })).page).toBe("summary");
});

test("an answer opens the question that follows from it", () => {
  const interview = cannedInterview();
  const [, asked] = [0, 1].reduce<Step[]>(
    (steps) => [...steps, nextStep(interview, steps.at(-1) as Step, answers)],
    [firstStep(interview)],
  );
  const [found] = interview.tokens;
  if (asked === undefined || found === undefined) throw new Error("no step");
  expect(shown(nextStep(interview, asked, { ...answers, token: found.answer }))).toBe("keepToken");
  expect(shown(nextStep(interview, asked, answers))).toBe("storage");
});

test("earlier answers are shown first; taken over, they lead to the summary", () => {
  const interview = cannedInterview({ earlier: "interrupted" });
  const first = firstStep(interview);
  expect(first.page).toBe("earlier");
  expect(settlesAll(first)).toBe(true);
  expect(takeEarlier(interview, first).page).toBe("summary");
  expect(walk(interview, askAnew(interview, first))).toHaveLength(5);
});

test("earlier answers never pass for consent: it is asked, and then comes the summary", () => {
  const machine = { ...spark, spark: false };
  const interview = cannedInterview({ earlier: "finished", machine });
  const first = firstStep(interview);
  expect(settlesAll(first)).toBe(false);
  const asked = takeEarlier(interview, first);
  expect(shown(asked)).toBe("unsupported");
  expect(nextStep(interview, asked, { ...answers, unsupported: true }).page).toBe("summary");
});

test("back goes to the question before, and from the first one nowhere", () => {
  const interview = cannedInterview();
  const first = firstStep(interview);
  const second = nextStep(interview, first, { ...answers, groups: ["remember"] });
  expect(previousStep(interview, first)).toBeNull();
  const back = previousStep(interview, second);
  expect(back).toMatchObject({ page: "question", index: 0, answers: { groups: ["remember"] } });
});
