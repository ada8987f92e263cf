import { describe, expect, test } from "vitest";
import { pressed } from "../../../../src/ui/ink/wizard/press.ts";
import {
  effectFailed,
  folderChecked,
  openWizard,
  previewed,
  type WizardState,
} from "../../../../src/ui/ink/wizard/wizard-state.ts";
import { cannedInterview, plannedFrom, spark } from "../../canned-interview.ts";
import {
  down,
  enter,
  escape,
  page,
  pageLines,
  question,
  text,
  within,
  wizard,
} from "../../wizard-walk.ts";

describe("moving", () => {
  test("arrows, j and k, and numbers reach the same option", () => {
    expect(wizard([down]).cursor).toBe(1);
    expect(wizard([text("j"), text("j"), text("k")]).cursor).toBe(1);
    expect(wizard([text("2")]).cursor).toBe(1);
    expect(wizard([enter, text("2")])).toMatchObject({ cursor: 1, chosen: ["none"] });
  });

  test("goes round at both ends", () => {
    expect(wizard([{ kind: "up" }]).cursor).toBe(2);
    expect(wizard([down, down, down]).cursor).toBe(0);
  });

  test("a number that is no option does nothing", () => {
    const before = wizard([]);
    expect(pressed(before, text("9"))).toBe(before);
  });
});

describe("choosing many", () => {
  test("space and numbers toggle; Enter takes it over", () => {
    expect(wizard([down, down, text(" "), enter]).answers.groups).toEqual([
      "remember",
      "listen",
      "think-deeper",
    ]);
    expect(wizard([text("3")])).toMatchObject({
      cursor: 2,
      chosen: ["remember", "listen", "think-deeper"],
    });
    expect(wizard([text("3"), enter]).answers.groups).toEqual([
      "remember",
      "listen",
      "think-deeper",
    ]);
    expect(wizard([text("2"), enter]).answers.groups).toEqual(["remember"]);
    expect(wizard([text("2"), text("2"), enter]).answers.groups).toEqual(["remember", "listen"]);
    expect(wizard([text("1")]).problem).toBe("Remember is required.");
  });

  test("what is locked stays, and it is said why", () => {
    const state = wizard([text(" ")]);
    expect(state.problem).toBe("Remember is required.");
    expect(pressed(state, enter).answers.groups).toEqual(["remember", "listen"]);
  });

  test("a takes all, and again all but the locked ones", () => {
    const all = wizard([text("a")]);
    expect(pressed(all, enter).answers.groups).toEqual(["remember", "listen", "think-deeper"]);
    expect(pressed(pressed(all, text("a")), enter).answers.groups).toEqual(["remember"]);
  });
});

describe("back", () => {
  test("keeps the answers, and shows what was chosen", () => {
    const there = wizard([text("3"), enter, enter]);
    expect(question(there)).toBe("storage");
    const back = pressed(pressed(there, escape), escape);
    expect(question(back)).toBe("groups");
    expect(back.chosen).toEqual(["remember", "listen", "think-deeper"]);
  });

  test("on the first page asks whether to stop; any other key goes on", () => {
    const leaving = wizard([escape]);
    expect(leaving.leaving).toBe(true);
    expect(pressed(leaving, down)).toMatchObject({ leaving: false, outcome: null });
    expect(pressed(leaving, text("y")).outcome).toEqual({ answers: null });
  });
});

describe("a folder", () => {
  test("can be typed, corrected and taken over", () => {
    const at = wizard([enter, enter, text("3"), enter]);
    const typed = Array.from("/data/x", text).reduce(pressed, at);
    const fixed = [{ kind: "backspace" } as const, ...Array.from("models", text)].reduce(
      pressed,
      typed,
    );
    const asking = pressed(fixed, enter);
    expect(asking.effect).toMatchObject({ kind: "folder" });
    const next = folderChecked(asking);
    expect(next.answers.storage).toBe("/data/models");
    expect(question(next)).toBe("startup");
    const back = pressed(next, escape);
    expect(back.cursor).toBe(2);
    expect(page(back)).toContain("/data/models");
  });

  test("that was typed is still there after Esc, and after another page", () => {
    const typed = Array.from("/data", text).reduce(
      pressed,
      wizard([enter, enter, text("3"), enter]),
    );
    const away = [escape, escape, enter, text("3"), enter].reduce(pressed, typed);
    expect(away.typed).toBe("/data");
  });

  test("that can't hold models is refused where it is typed; Esc calls the question back", () => {
    const at = wizard([enter, enter, text("3"), enter]);
    const asking = pressed(Array.from("/proc/x", text).reduce(pressed, at), enter);
    expect(page(asking)).toContain("Checking the folder. Esc cancels.");
    const refused = effectFailed(asking, "Models can't be stored there.");
    expect(question(refused)).toBe("storage");
    expect(page(refused)).toContain("Models can't be stored there.");
    expect(refused.typed).toBe("/proc/x");
    const back = pressed(asking, escape);
    expect(back).toMatchObject({ effect: null, typed: "/proc/x" });
    // The answer comes too late: nothing changes.
    expect(folderChecked(back)).toBe(back);
  });

  test("is wanted before Enter", () => {
    const empty = wizard([enter, enter, text("3"), enter, enter]);
    expect(empty).toMatchObject({ typed: "", problem: "Type a folder first, or press Esc." });
  });

  test("that is no path is refused in place", () => {
    const at = wizard([enter, enter, text("3"), enter]);
    const state = pressed(Array.from("data", text).reduce(pressed, at), enter);
    expect(state.problem).toContain("~/models");
    expect(state.problem).not.toMatch(/--[a-z]|HEROS_|config file/);
    expect(question(state)).toBe("storage");
  });

  test.each(["~/models", "$HOME/models", "${HOME}/models/"])("may be %s", (words) => {
    const at = wizard([enter, enter, text("3"), enter]);
    const next = folderChecked(pressed(Array.from(words, text).reduce(pressed, at), enter));
    expect(next.answers.storage).toBe("/home/ann/models");
  });
});

describe("the summary", () => {
  const all = [enter, enter, enter, enter];

  test("asks for the preview, and takes no yes before it is there", () => {
    const waiting = wizard(all);
    expect(waiting.effect).toMatchObject({ kind: "preview" });
    expect(pressed(waiting, enter).outcome).toBeNull();
    const shown = previewed(waiting, plannedFrom(waiting.answers));
    expect(pressed(shown, enter).outcome).toEqual({ answers: waiting.answers });
    expect(pressed(shown, text("y")).outcome).toEqual({ answers: waiting.answers });
  });

  test("goes back to the last question", () => {
    const shown = previewed(wizard(all), plannedFrom(wizard(all).answers));
    expect(question(pressed(shown, escape))).toBe("startup");
    expect(question([{ kind: "right" } as const, enter].reduce(pressed, shown))).toBe("startup");
  });

  test("says what is wrong with a plan that does not work", () => {
    const state = effectFailed(wizard(all), "You may not write to /broken. Choose another folder.");
    expect(page(state)).toContain("You may not write to /broken.");
    expect(pressed(state, enter).outcome).toBeNull();
  });

  test("is all there is where everything is decided", () => {
    const decided = new Set(["unsupported", "groups", "token", "storage", "startup"] as const);
    const state = wizard([], { decided });
    expect(state.effect).toMatchObject({ kind: "preview" });
    expect(pressed(previewed(state, plannedFrom(state.answers)), escape).leaving).toBe(true);
  });
});

test("consent is asked on another machine, and no ends the wizard", () => {
  const machine = { ...spark, spark: false };
  expect(question(wizard([], { machine }))).toBe("unsupported");
  expect(wizard([enter], { machine }).outcome).toEqual({ answers: null });
  const onward = wizard([down, enter], { machine });
  expect(onward.answers.unsupported).toBe(true);
  expect(question(onward)).toBe("groups");
});

test("help shows the question's paragraph, and any key leaves it", () => {
  const help = wizard([text("?")]);
  expect(page(help)).toMatch(/existing\s+files\s+are\s+reused/);
  expect(pressed(help, text("q"))).toMatchObject({ panel: null, leaving: false });
  expect(pressed(help, { kind: "right" })).toBe(help);
});

test("help names the keys that mean something there", () => {
  const shown = (state: WizardState): string => page(state).replaceAll(/\s+/g, " ");
  expect(shown(wizard([text("?")]))).toContain("or its number 1–9, toggles");
  expect(shown(wizard([text("?")]))).toContain("the right arrow continues");
  const typing = shown(wizard([enter, down, enter, text("?")]));
  expect(typing).toContain("All other keys are text.");
  expect(typing).not.toMatch(/j and k|q quits/);
  const review = wizard([enter, enter, enter, enter]);
  const told = shown(pressed(previewed(review, plannedFrom(review.answers)), text("?")));
  expect(told).toContain("until you press y, or Enter on Yes, start.");
  expect(told).toContain("left and right choose a button");
  const broken = shown(pressed(effectFailed(review, "It does not work."), text("?")));
  expect(broken).toContain("b or Esc goes back");
  expect(broken).not.toMatch(/y starts|file changes/);
});

test.each([
  { columns: 40, rows: 12 },
  { columns: 60, rows: 15 },
  { columns: 80, rows: 24 },
  { columns: 200, rows: 60 },
])("every page fits $columns by $rows", ({ columns, rows }) => {
  const machine = { ...spark, spark: false };
  const states: WizardState[] = [openWizard(cannedInterview({ machine, earlier: "interrupted" }))];
  for (const press of [text("n"), down, enter, enter, enter, enter, enter]) {
    const last = states.at(-1) ?? wizard([]);
    states.push(pressed(last, press));
  }
  const summary = states.at(-1) ?? wizard([]);
  states.push(previewed(summary, plannedFrom(summary.answers)));
  states.push(effectFailed(summary, "A long sentence about what is wrong. ".repeat(9)));
  states.push({ ...(states[2] ?? summary), problem: "A long sentence about it. ".repeat(9) });
  states.push(pressed(states[1] ?? summary, text("?")));
  for (const state of states) {
    const lines = pageLines(state, { columns, rows });
    expect(lines.length).toBeLessThanOrEqual(rows - 2);
    expect(lines.length).toBeGreaterThan(1);
  }
});

test("help that is longer than the screen is read to its end with the arrows", () => {
  const size = { columns: 40, rows: 10 };
  const seen = new Set<string>();
  let state = wizard([text("?")]);
  for (let steps = 0; steps < 20; steps += 1) {
    for (const line of pageLines(state, size)) seen.add(line.map((part) => part.text).join(""));
    state = pressed(state, down);
  }
  const words = [...seen].filter((line) => !line.includes("scroll (")).join(" ");
  expect(words).toContain("The required set downloads first");
  expect(words).toContain("keeps your answers;");
  expect(words).toContain("--group");
  expect(pressed(state, escape).panel).toBeNull();
});

test("a key back is seen at once, however often the last row was passed", () => {
  const size = { columns: 40, rows: 12 };
  const summary = previewed(wizard([enter, enter, enter, enter]), plannedFrom(wizard([]).answers));
  const step = (state: WizardState, press: typeof down): WizardState =>
    within(pressed(state, press), size);
  const end = Array.from({ length: 90 }, () => down).reduce(step, summary);
  expect(pageLines(pressed(end, { kind: "up" }), size)).not.toEqual(pageLines(end, size));
  const help = Array.from({ length: 30 }, () => down).reduce(step, wizard([text("?")]));
  expect(pageLines(pressed(help, { kind: "up" }), size)).not.toEqual(pageLines(help, size));
});

test.each([
  [40, 12],
  [60, 15],
])("at %i by %i the file changes show each path and each line of a diff whole", (columns, rows) => {
  const plan = plannedFrom(wizard([]).answers);
  const path = `/home/ada/${"long/".repeat(12)}end.yml`;
  const diff = `+      - ${"word ".repeat(20)}last\n`;
  const summary = pressed(
    previewed(wizard([enter, enter, enter, enter]), {
      ...plan,
      files: [{ path, action: "created", diff }],
    }),
    text("d"),
  );
  const seen = Array.from({ length: 40 }, () => down).reduce(
    ({ state, rows: before }, press) => {
      const lines = pageLines(state, { columns, rows }).map((line) =>
        line.map((part) => part.text).join(""),
      );
      const next = within(pressed(state, press), { columns, rows });
      return { state: next, rows: new Set([...before, ...lines]) };
    },
    { state: summary, rows: new Set<string>() },
  ).rows;
  expect([...seen].every((line) => line.length < columns)).toBe(true);
  const told = [...seen];
  expect(told.map((line) => line.trim()).join("")).toContain("end.yml");
  expect([...seen].join(" ")).toContain("last");
});
