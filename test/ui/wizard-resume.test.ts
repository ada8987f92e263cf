import { expect, test } from "vitest";
import type { Answers } from "../../src/plan/answers.ts";
import type { Planning } from "../../src/plan/planning.ts";
import { defaultAnswers } from "../../src/plan/question-table.ts";
import { initialState } from "../../src/progress/state.ts";
import { createTheme } from "../../src/ui/ink/theme.ts";
import type { Press } from "../../src/ui/ink/wizard/keys.ts";
import { wizardPage } from "../../src/ui/ink/wizard/pages.ts";
import { pressed } from "../../src/ui/ink/wizard/press.ts";
import {
  currentQuestion,
  openWizard,
  type WizardState,
} from "../../src/ui/ink/wizard/wizard-state.ts";
import { cannedPlanning, spark } from "./canned-planning.ts";

const kept: Answers = { ...defaultAnswers([1]), storage: "/data/models", startup: "wait" };
const yes: Press = { kind: "text", text: "y" };
const no: Press = { kind: "text", text: "n" };
const enter: Press = { kind: "enter" };

function resumed(rest: Partial<Planning> = {}): WizardState {
  return openWizard(cannedPlanning({ resumed: true, answers: kept, ...rest }));
}

function page(wizard: WizardState): string {
  const theme = createTheme({ color: false, unicode: true });
  const size = { columns: 80, rows: 24 };
  return wizardPage({ wizard, state: initialState, tick: 0, size, theme })
    .map((line) => line.map(({ text }) => text).join(""))
    .join("\n");
}

test("an interrupted wizard asks first, and shows what was answered", () => {
  const text = page(resumed());
  expect(text).toContain("Go on where you stopped?");
  expect(text).toContain("Memory search");
  expect(text).toContain("/data/models");
  expect(text).toContain("When all is there");
});

test.each([yes, enter])("$kind goes to the plan with the kept answers", (press) => {
  const state = pressed(resumed(), press);
  expect(currentQuestion(state)).toBeNull();
  expect(state.errand).toMatchObject({ kind: "preview", answers: kept });
});

test("no asks the questions, with the kept answers chosen", () => {
  const state = pressed(resumed(), no);
  expect(currentQuestion(state)?.id).toBe("tiers");
  expect(state.chosen).toEqual(["1"]);
});

test("Esc asks whether to stop, and comes back", () => {
  const leaving = pressed(resumed(), { kind: "escape" });
  expect(page(leaving)).toContain("Stop here?");
  expect(page(pressed(leaving, no))).toContain("Go on where you stopped?");
});

test("yes passes no consent that was not given", () => {
  const machine = { ...spark, spark: false };
  expect(currentQuestion(pressed(resumed({ machine }), yes))?.id).toBe("unsupported");
  const answers = { ...kept, unsupported: true };
  expect(currentQuestion(pressed(resumed({ machine, answers }), yes))).toBeNull();
});

test("a wizard that was not interrupted, or has nothing to ask, begins as ever", () => {
  expect(openWizard(cannedPlanning()).resuming).toBe(false);
  const decided = new Set(["unsupported", "tiers", "token", "storage", "startup"] as const);
  expect(resumed({ decided }).resuming).toBe(false);
});
