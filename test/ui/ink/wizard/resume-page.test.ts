import { expect, test } from "vitest";
import { currentQuestion, type Interview } from "../../../../src/plan/interview.ts";
import { type Answers, initialAnswers } from "../../../../src/plan/questions.ts";
import type { Press } from "../../../../src/ui/ink/keys.ts";
import { pressed } from "../../../../src/ui/ink/wizard/press.ts";
import {
  openWizard,
  previewed,
  type WizardState,
} from "../../../../src/ui/ink/wizard/wizard-state.ts";
import { cannedInterview, catalog, plannedFrom, spark } from "../../canned-interview.ts";
import { page, pageLines } from "../../wizard-walk.ts";

const kept: Answers = {
  ...initialAnswers(catalog),
  groups: ["remember"],
  storage: "/data/models",
  startup: "wait",
};
const yes: Press = { kind: "text", text: "y" };
const no: Press = { kind: "text", text: "n" };
const enter: Press = { kind: "enter" };

function resumed(rest: Partial<Interview> = {}): WizardState {
  return openWizard(cannedInterview({ earlier: "interrupted", answers: kept, ...rest }));
}

test("an interrupted wizard asks first, and shows what was answered", () => {
  const text = page(resumed());
  expect(text).toContain("Continue where you left off?");
  expect(text).toMatch(/Sets +Remember/);
  expect(text).toContain("/data/models");
  expect(text).toContain("After all downloads finish");
});

test.each([yes, enter])("$kind goes to the plan with the kept answers", (press) => {
  const state = pressed(resumed(), press);
  expect(currentQuestion(state)).toBeNull();
  expect(state.effect).toMatchObject({ kind: "preview", answers: kept });
});

test.each([yes, enter])("$kind promises the plan only where it comes next", (press) => {
  const elsewhere = resumed({ machine: { ...spark, spark: false } });
  for (const [state, isNext] of [
    [resumed(), true],
    [elsewhere, false],
  ] as const) {
    expect(currentQuestion(pressed(state, press)) === null).toBe(isNext);
    expect(page(state).includes("review")).toBe(isNext);
  }
});

test("no asks the questions, with the kept answers chosen", () => {
  const state = pressed(resumed(), no);
  expect(currentQuestion(state)?.id).toBe("groups");
  expect(state.chosen).toEqual(["remember"]);
});

test("Esc asks whether to stop, and comes back", () => {
  const leaving = pressed(resumed(), { kind: "escape" });
  expect(page(leaving)).toContain("Quit setup?");
  expect(page(leaving)).toContain("y or q: quit   any other key: continue");
  expect(page(pressed(leaving, no))).toContain("Continue where you left off?");
});

test("yes passes no consent that was not given", () => {
  const machine = { ...spark, spark: false };
  expect(currentQuestion(pressed(resumed({ machine }), yes))?.id).toBe("unsupported");
  // It is the one question that is left: after it comes the plan.
  const consented = [{ kind: "down" } as const, enter].reduce(
    pressed,
    pressed(resumed({ machine }), yes),
  );
  expect(currentQuestion(consented)).toBeNull();
  expect(consented.effect).toMatchObject({ answers: { ...kept, unsupported: true } });
  const answers = { ...kept, unsupported: true };
  expect(currentQuestion(pressed(resumed({ machine, answers }), yes))).toBeNull();
});

test("consent is not kept, so no answer to it is shown as last time's", () => {
  const machine = { ...spark, spark: false };
  const [title] = resumed({ machine }).questions.map((question) => question.title);
  expect(page(resumed({ machine }))).not.toContain(title);
});

test("a wizard that was not interrupted, or has nothing to ask, begins as ever", () => {
  expect(openWizard(cannedInterview()).page).not.toBe("earlier");
  const decided = new Set(["unsupported", "groups", "token", "storage", "startup"] as const);
  expect(resumed({ decided }).page).not.toBe("earlier");
});

test("a second run says what is there and what would change, and forces nothing", () => {
  const second = resumed({ earlier: "finished" });
  expect(page(second)).toContain("It is already set up here. Use the same answers again?");
  expect(page(second)).toContain("Preparing the plan");
  const known = previewed(second, plannedFrom(second.answers));
  expect(page(known)).toMatch(/1\.22 GB to download \(784 MB already cached\), 2 files to write\./);
  expect(page(known)).toContain("2 files to write");
  const plan = { ...plannedFrom(kept), files: [], cachedBytes: plannedFrom(kept).totalBytes };
  expect(page(previewed(second, plan))).toContain("Nothing would change");
  expect(currentQuestion(pressed(known, no))?.id).toBe("groups");
});

test.each([
  [80, 24],
  [60, 15],
  [40, 12],
  [40, 10],
])("at %i by %i the question, what would change and the keys are there", (columns, rows) => {
  for (const earlier of ["interrupted", "finished"] as const) {
    const known = previewed(resumed({ earlier }), plannedFrom(kept));
    const lines = pageLines(known, { columns, rows });
    expect(lines.length).toBeLessThanOrEqual(rows - 2);
    const text = lines.map((line) => line.map((part) => part.text).join("")).join(" ");
    expect(text).toMatch(/Continue where you left off\?|the same answers/);
    expect(text).toContain("2 files");
    expect(text).toMatch(/y:? .*n:? .*q:? quit$/);
  }
});
