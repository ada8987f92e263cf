import { expect, test } from "vitest";
import { initialState } from "../../../../src/run/state.ts";
import { frameColumns, lineWidth } from "../../../../src/ui/ink/line.ts";
import { createTheme } from "../../../../src/ui/ink/theme.ts";
import type { Press } from "../../../../src/ui/ink/keys.ts";
import { wizardPage } from "../../../../src/ui/ink/wizard/pages.ts";
import { pressed } from "../../../../src/ui/ink/wizard/press.ts";
import {
  openWizard,
  previewed,
  type WizardState,
} from "../../../../src/ui/ink/wizard/wizard-state.ts";
import { cannedInterview, plannedFrom, spark } from "../../canned-interview.ts";
import { down, enter, escape, text, wizard } from "../../wizard-walk.ts";

const elsewhere = { machine: { ...spark, spark: false } };
const toFolder: readonly Press[] = [enter, enter, down, down, enter];
const summary = wizard([enter, enter, enter, enter]);
const pages: Readonly<Record<string, WizardState>> = {
  consent: wizard([], elsewhere),
  sets: wizard([]),
  token: wizard([enter]),
  "a token that is typed": wizard([enter, down, enter]),
  folder: wizard([enter, enter]),
  "a folder that is typed": wizard(toFolder),
  start: wizard([enter, enter, enter]),
  plan: previewed(summary, plannedFrom(summary.answers)),
  "help of a question": wizard([text("?")]),
  "help of the plan": pressed(previewed(summary, plannedFrom(summary.answers)), text("?")),
  leaving: wizard([escape]),
  "earlier answers": openWizard(cannedInterview({ earlier: "interrupted" })),
  "earlier answers, elsewhere": openWizard(cannedInterview({ earlier: "finished", ...elsewhere })),
};

test.each(Object.keys(pages))("the keys of a page are never cut: %s", (name) => {
  const page = pages[name] ?? wizard([]);
  for (const unicode of [true, false]) {
    const theme = createTheme({ color: false, unicode });
    for (let columns = 40; columns <= 100; columns += 1) {
      const size = { columns, rows: 24 };
      const lines = wizardPage({ wizard: page, state: initialState, tick: 0, size, theme });
      const width = lineWidth(lines.at(-1) ?? []);
      expect(width, `${columns} columns`).toBeGreaterThan(0);
      expect(width, `${columns} columns`).toBeLessThanOrEqual(frameColumns(size));
    }
  }
});

test("a terminal that says it has no columns and no rows is taken for a usual one", () => {
  const theme = createTheme({ color: false, unicode: true });
  const at = (columns: number, rows: number) =>
    wizardPage({
      wizard: wizard([]),
      state: initialState,
      tick: 0,
      size: { columns, rows },
      theme,
    });
  expect(at(0, 0)).toEqual(at(80, 24));
});

test.each([
  { columns: 40, rows: 12 },
  { columns: 40, rows: 20 },
  { columns: 80, rows: 24 },
])("no row moves with the cursor at $columns by $rows", (size) => {
  for (const presses of [[], [enter], [enter, enter], [enter, enter, enter]]) {
    const heights = [0, 1, 2].map((steps) => {
      const moves = Array.from({ length: steps }, () => down);
      const moved = wizard([...presses, ...moves]);
      const theme = createTheme({ color: false, unicode: true });
      return wizardPage({ wizard: moved, state: initialState, tick: 0, size, theme }).length;
    });
    expect(new Set(heights).size).toBe(1);
  }
});
