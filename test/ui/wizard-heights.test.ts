import { expect, test } from "vitest";
import { initialState } from "../../src/run/state.ts";
import { createTheme } from "../../src/ui/ink/theme.ts";
import type { Press } from "../../src/ui/ink/keys.ts";
import { wizardPage } from "../../src/ui/ink/wizard/pages.ts";
import { pressed } from "../../src/ui/ink/wizard/press.ts";
import { openWizard } from "../../src/ui/ink/wizard/wizard-state.ts";
import { cannedInterview } from "./canned-interview.ts";

const enter: Press = { kind: "enter" };
const down: Press = { kind: "down" };

test.each([
  { columns: 40, rows: 12 },
  { columns: 40, rows: 20 },
  { columns: 80, rows: 24 },
])("no row moves with the cursor at $columns by $rows", (size) => {
  for (const presses of [[], [enter], [enter, enter], [enter, enter, enter]]) {
    const heights = [0, 1, 2].map((steps) => {
      const moves = Array.from({ length: steps }, () => down);
      const wizard = [...presses, ...moves].reduce(pressed, openWizard(cannedInterview()));
      const theme = createTheme({ color: false, unicode: true });
      return wizardPage({ wizard, state: initialState, tick: 0, size, theme }).length;
    });
    expect(new Set(heights).size).toBe(1);
  }
});
