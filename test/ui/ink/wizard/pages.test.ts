import { expect, test } from "vitest";
import { initialState, reduce } from "../../../../src/run/state/state.ts";
import { frameColumns, lineWidth } from "../../../../src/ui/ink/line.ts";
import { recording } from "../../recordings.ts";
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
import { down, enter, escape, pageLines, text, wizard } from "../../wizard-walk.ts";

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
  "file changes": pressed(previewed(summary, plannedFrom(summary.answers)), text("d")),
  "checks of the machine": wizard([text("l")]),
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

test("at 80 by 24 the whole review and its decision are seen without scrolling", () => {
  const plan = previewed(summary, plannedFrom(summary.answers));
  const rows = pageLines(plan, { columns: 80, rows: 24 }).map((line) =>
    line.map((part) => part.text).join(""),
  );
  for (const label of ["Models ", "Download ", "Files ", "Start ", "Containers ", "Needs "]) {
    expect(rows.filter((row) => row.startsWith(label))).toHaveLength(1);
  }
  expect(rows.join("\n")).toContain("› Yes, start    Back    Quit");
  expect(rows.at(-1)).toMatch(/^y: start +n: quit +d: file changes +Esc: back +\?: help$/);
  expect(rows.join("\n")).not.toContain("↑");
});

test("the review shows images as it shows models, and the disks that both go to", () => {
  const recorded = recording("first-boot").find((event) => event.type === "plan.ready");
  if (recorded === undefined) throw new Error("no plan");
  const { images = [], memory } = recorded;
  const [first, ...others] = images;
  if (first === undefined || memory === undefined) throw new Error("no images");
  const planned = plannedFrom(summary.answers);
  const disks = [
    { folder: planned.cacheDir, what: ["models", "images"], neededBytes: 3e9, estimated: false },
    { folder: "/var/lib/docker", what: ["images"], neededBytes: 11e9, estimated: true },
  ] as const;
  const plan = previewed(summary, {
    ...planned,
    images: [{ ...first, cachedBytes: first.totalBytes }, ...others],
    disks: disks.map((disk) => ({ ...disk, freeBytes: 82e9 })),
    memory,
  });
  const rows = (columns: number, height: number): string[] =>
    pageLines(plan, { columns, rows: height }).map((line) =>
      line.map((part) => part.text).join(""),
    );
  const wide = rows(80, 40);
  expect(wide).toContainEqual(expect.stringMatching(/^Images +postgres +2\.25 MB {2}cached$/));
  expect(wide).toContainEqual(expect.stringMatching(/^ +her-os-core +90\.0 MB$/));
  expect(wide).toContainEqual(expect.stringMatching(/^ +about 269 MB unpacked \(estimate\)$/));
  // The folder of the models has a row of its own.
  expect(wide.filter((row) => row.startsWith("Disk "))).toEqual([
    expect.stringMatching(/^Disk +3\.00 GB for models and images, 82\.0 GB free$/),
    expect.stringMatching(/^Disk +about 11\.0 GB for images \(estimate\), 82\.0 GB free:/),
  ]);
  expect(wide).toContainEqual(expect.stringMatching(/^Memory +10\.4 of 121\.6 GiB$/));
  expect(rows(80, 24).join("\n")).toContain("› Yes, start    Back    Quit");
  // Where rows are few, what it takes is seen before all else.
  expect(
    rows(40, 12)
      .slice(0, 9)
      .map((row) => row.split(" ")[0]),
  ).toEqual(expect.arrayContaining(["Download", "Disk"]));
});

test("the steps until Annie is online stand in the header, the one that is reached in words", () => {
  const stages = ["machine", "plan", "stack", "download", "annie"] as const;
  const started = { v: 1, at: 0, type: "run.started", command: "setup" } as const;
  const chosen = {
    v: 1,
    at: 0,
    type: "stack.chosen",
    stack: "a",
    title: "A",
    assistant: "Annie",
    capabilities: {},
  } as const;
  const begun = reduce(initialState, { ...started, herosVersion: "0.1.0", demo: true, stages });
  const state = reduce(begun, chosen);
  const theme = createTheme({ color: false, unicode: true });
  const header = (shown: WizardState, columns: number): string => {
    const lines = wizardPage({ wizard: shown, state, tick: 0, size: { columns, rows: 15 }, theme });
    return (lines[0] ?? []).map((part) => part.text).join("");
  };
  const first = wizard([]);
  const whole = /^Setting up Annie +✓ Machine › Question 1 of 4 › Review › \w+ › Annie +DEMO$/;
  expect(header(first, 80)).toMatch(whole);
  expect(header(first, 60)).toMatch(/^✓ Machine › Question 1 of 4 › Review › \w+ › Annie +DEMO$/);
  expect(header(first, 40)).toMatch(/^Setting up Annie +DEMO +1 of 4$/);
  expect(header(summary, 80)).toMatch(/ ✓ Machine › ✓ Questions › Review › /);
  expect(header(summary, 40)).toMatch(/ Review$/);
});

test("what is recommended is marked, and once where nothing else was found", () => {
  const marked = (state: WizardState): string[] =>
    pageLines(state, { columns: 80, rows: 24 })
      .map((line) => line.map((part) => part.text).join(""))
      .filter((row) => row.includes("recommended"));
  expect(marked(wizard([enter]))).toEqual([
    "  1. Use the token in ~/.cache/huggingface/token (recommended)",
  ]);
  expect(marked(wizard([enter], { tokens: [] }))).toEqual(["› 1. No token (recommended)"]);
  expect(marked(wizard([enter, enter]))).toEqual(["› 1. Shared Hub cache (recommended)"]);
  expect(marked(wizard([enter, enter, enter]))).toEqual(["› 1. Right away (recommended)"]);
});

test("the demo says once that its sizes are not the real ones", () => {
  const [started] = recording("demo-setup");
  const state = started === undefined ? initialState : reduce(initialState, started);
  const theme = createTheme({ color: false, unicode: true });
  const shown = (page: WizardState): string =>
    wizardPage({ wizard: page, state, tick: 0, size: { columns: 80, rows: 24 }, theme })
      .map((line) => line.map((part) => part.text).join(""))
      .join(" ");
  expect(shown(wizard([]))).toMatch(/sizes are +1\/200 of the real ones\./);
  expect(shown(wizard([enter]))).not.toContain("1/200");
  expect(
    pageLines(wizard([]), { columns: 80, rows: 24 })
      .flat()
      .map(({ text: words }) => words)
      .join(""),
  ).not.toContain("1/200");
});

test("at 40 columns the sets name all of their keys", () => {
  const foot = pageLines(wizard([]), { columns: 40, rows: 12 }).at(-1) ?? [];
  expect(foot.map((part) => part.text).join("")).toBe("Space pick  Enter next  q quit  ? help");
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
