import { expect, test } from "vitest";
import type { FailedChecks } from "../../../src/plan/interview.ts";
import { initialState, reduce } from "../../../src/run/state/state.ts";
import { frameColumns, frameRows, lineWidth } from "../../../src/ui/ink/line.ts";
import { scrolledLines, scrolledRows } from "../../../src/ui/ink/log-rows.ts";
import { createTheme } from "../../../src/ui/ink/theme.ts";
import {
  machineHelpPage,
  machinePage,
  movedOnMachine,
  pressedOnMachine,
} from "../../../src/ui/ink/dialogs.tsx";
import { backgroundLines, pressedOnBackground } from "../../../src/ui/ink/choice-page.tsx";
import { recheckText, machineText } from "../../../src/ui/messages/machine.ts";
import { failedGpu, failedPort } from "../failed-checks.ts";
import { recording } from "../recordings.ts";

const run = { command: "setup", pid: 4242 };
const blocking: FailedChecks = {
  checks: [failedPort, failedGpu, failedGpu, failedGpu],
  blocking: true,
};
const harmless: FailedChecks = { checks: [failedGpu], blocking: false };

function page(failed: FailedChecks, columns: number, rows: number, from = 0): string[] {
  const theme = createTheme({ color: false, unicode: true });
  const view = { failed, since: null, from, state: initialState, theme };
  return machinePage({ ...view, size: { columns, rows } }).map((line) =>
    line.map(({ text }) => text).join(""),
  );
}

test.each([
  [200, 60],
  [80, 24],
  [60, 15],
  [40, 12],
  [40, 10],
])(
  "at %i by %i it fits, and says the worst whole with its command and the keys",
  (columns, rows) => {
    const lines = page(blocking, columns, rows);
    expect(lines.length).toBeLessThanOrEqual(rows - 2);
    const words = lines.map((line) => line.trim()).join(" ");
    expect(words).toContain("[✗] Port for Annie: port 8000 is in use by python3 (PID 4711)");
    expect(words).toContain("kill 4711");
    expect(words).toContain("heros setup --port 8001");
    expect(lines.at(-1)).toMatch(
      /r: check again +l: all checks +q(: quit$| or Esc: quit +\?: help$)/,
    );
  },
);

test("checks that passed are one row, as much of it as fits, with the key that shows them", () => {
  const events = recording("fresh-setup");
  const theme = createTheme({ color: false, unicode: true });
  let state = initialState;
  const scrolled = events.flatMap((event) => {
    state = reduce(state, event);
    return event.type === "plan.ready" ? [] : scrolledLines(event, state, "normal");
  });
  const at = (columns: number, unfolds: boolean): string[] =>
    scrolled
      .slice(0, 1)
      .flatMap((line) => scrolledRows(line, columns, theme, unfolds))
      .map((row) => row.map(({ text }) => text).join(""));
  const whole = "[✓] NVIDIA DGX Spark, 121.6 GiB memory, 11 checks passed";
  expect(at(79, false)).toEqual([whole]);
  expect(at(79, true)).toEqual([`${whole} · l: details`]);
  expect(at(59, true)).toEqual([whole]);
  expect(at(39, true)).toEqual(["[✓] NVIDIA DGX Spark, 11 checks passed"]);
});

test("warnings and failures are counted beside what passed", () => {
  const { machine } = recording("fresh-setup").reduce(reduce, initialState);
  const check = { title: "", found: "", remedy: null };
  const checks = (["ok", "ok", "warning", "failed"] as const).map((status) => ({
    id: status,
    status,
    ...check,
  }));
  expect(machine === null ? "" : machineText(machine, checks)).toMatch(
    /, 2 checks passed, 1 warning, 1 failed$/,
  );
});

test("after another look it says when that was, and what was fixed, is new or is as before", () => {
  const fixed = recheckText({ before: blocking, now: harmless }, "14:05:12");
  expect(fixed).toBe("Checked again at 14:05:12. Fixed: Port for Annie.");
  expect(recheckText({ before: harmless, now: blocking }, null)).toBe(
    "Checked again. New: Port for Annie.",
  );
  expect(recheckText({ before: harmless, now: harmless }, null)).toMatch(/Nothing has changed\.$/);
  const other = { ...failedGpu, found: "no runtime is set" };
  expect(recheckText({ before: harmless, now: { ...harmless, checks: [other] } }, null)).toMatch(
    / Changed: GPU in containers\.$/,
  );
  const theme = createTheme({ color: false, unicode: true });
  for (const [columns, rows] of [
    [80, 24],
    [60, 15],
    [40, 12],
  ] as const) {
    const lines = machinePage({
      failed: harmless,
      since: fixed,
      from: 0,
      state: initialState,
      size: { columns, rows },
      theme,
    });
    const words = lines
      .map((line) =>
        line
          .map(({ text }) => text)
          .join("")
          .trim(),
      )
      .join(" ");
    expect(words).toContain(fixed);
    expect(lines.length).toBeLessThanOrEqual(rows - 2);
  }
});

test("? tells what the page is and each of its keys", () => {
  const theme = createTheme({ color: false, unicode: true });
  for (const size of [
    { columns: 80, rows: 24 },
    { columns: 40, rows: 12 },
  ]) {
    const shown = (failed: FailedChecks): string =>
      machineHelpPage({ failed, state: initialState, size, theme })
        .map((line) => line.map(({ text }) => text).join(""))
        .join(" ");
    expect(shown(blocking)).toMatch(/r checks again; up and down.* q or Esc quits\. Esc: close$/);
    expect(shown(harmless)).toContain("Enter continues without");
  }
});

test("where rows are few it says how many more there are", () => {
  expect(page(blocking, 40, 12).join("\n")).toContain("+3 more");
  expect(page(blocking, 200, 60).join("\n")).not.toContain("more");
});

test("the arrows, j and k bring the others where rows are few", () => {
  const down = { kind: "down" } as const;
  const last = [down, down, down, down].reduce(
    (from, press) => movedOnMachine(blocking, from, press),
    0,
  );
  expect(last).toBe(3);
  const text = page(blocking, 40, 12, last).join(" ");
  expect(text).toContain("[!] GPU in containers");
  expect(text).not.toContain("more");
  expect(movedOnMachine(blocking, last, { kind: "text", text: "k" })).toBe(2);
});

test("r checks again, q and Esc stop; Enter goes on only where nothing is in the way", () => {
  const key = (text: string) => ({ kind: "text", text }) as const;
  expect(pressedOnMachine(blocking, key("r"))).toBe("again");
  expect(pressedOnMachine(blocking, key("q"))).toBe("stop");
  expect(pressedOnMachine(blocking, { kind: "escape" })).toBe("stop");
  expect(pressedOnMachine(blocking, { kind: "enter" })).toBeNull();
  expect(pressedOnMachine(harmless, { kind: "enter" })).toBe("onward");
  expect(page(harmless, 80, 24).at(-1)).toContain("Enter: continue");
});

test("p takes the free port, where one is offered, and is said only there", () => {
  const key = { kind: "text", text: "p" } as const;
  const offered = { ...blocking, otherPort: 8001 };
  expect(pressedOnMachine(offered, key)).toBe("port");
  expect(page(offered, 80, 24).at(-1)).toContain("p: use port 8001");
  expect(pressedOnMachine(blocking, key)).toBeNull();
  expect(page(blocking, 80, 24).join("\n")).not.toContain("use port");
});

test.each([
  { columns: 200, rows: 60 },
  { columns: 80, rows: 24 },
  { columns: 60, rows: 15 },
  { columns: 40, rows: 10 },
])("the page on a run in the background fits $columns by $rows, all choices on it", (size) => {
  const theme = createTheme({ color: false, unicode: false });
  const lines = backgroundLines(run, { index: 0, size, theme });
  expect(lines.length).toBeLessThanOrEqual(frameRows(size) - 1);
  for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(frameColumns(size));
  const text = lines.map((line) => line.map((span) => span.text).join("")).join("\n");
  expect(text).toMatch(
    /PID\s+4242[^]*> 1\. Watch it[^]*2\. Stop it and continue here[^]*3\. Leave it running/,
  );
});

test("arrows, j and k move, Enter and numbers choose, Esc and q leave it alone", () => {
  const letter = (text: string) => ({ kind: "text", text }) as const;
  expect(pressedOnBackground(0, { kind: "down" })).toBe(1);
  expect(pressedOnBackground(2, letter("j"))).toBe(2);
  expect(pressedOnBackground(1, letter("k"))).toBe(0);
  expect(pressedOnBackground(1, { kind: "enter" })).toBe("stop");
  expect(pressedOnBackground(0, letter("1"))).toBe("watch");
  expect(pressedOnBackground(0, letter("9"))).toBe(0);
  expect(pressedOnBackground(1, { kind: "escape" })).toBe("quit");
  expect(pressedOnBackground(1, letter("q"))).toBe("quit");
});
