import { describe, expect, test } from "vitest";
import type { Planning } from "../../src/plan/planning.ts";
import { createTheme } from "../../src/ui/ink/theme.ts";
import type { Press } from "../../src/ui/ink/wizard/keys.ts";
import { wizardPage } from "../../src/ui/ink/wizard/pages.ts";
import { pasted, pressed } from "../../src/ui/ink/wizard/press.ts";
import {
  currentQuestion,
  errandFailed,
  openWizard,
  previewed,
  tokenChecked,
  type WizardState,
} from "../../src/ui/ink/wizard/wizard-state.ts";
import { initialState } from "../../src/progress/state.ts";
import { cannedPlanning, plannedFrom, spark } from "./canned-planning.ts";

const enter: Press = { kind: "enter" };
const down: Press = { kind: "down" };
const escape: Press = { kind: "escape" };

function text(value: string): Press {
  return { kind: "text", text: value };
}

function wizard(presses: readonly Press[], planning: Partial<Planning> = {}): WizardState {
  return presses.reduce(pressed, openWizard(cannedPlanning(planning)));
}

function question(state: WizardState): string | undefined {
  return currentQuestion(state)?.id;
}

describe("moving", () => {
  test("arrows, j and k, and numbers reach the same option", () => {
    expect(wizard([down]).cursor).toBe(1);
    expect(wizard([text("j"), text("j"), text("k")]).cursor).toBe(1);
    expect(wizard([text("2")]).cursor).toBe(1);
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
  test("space and numbers put in and take out; Enter takes it over", () => {
    expect(wizard([down, down, text(" "), enter]).answers.tiers).toEqual([1, 2, 3]);
    expect(wizard([text("2"), enter]).answers.tiers).toEqual([1]);
  });

  test("what is locked stays, and it is said why", () => {
    const state = wizard([text(" ")]);
    expect(state.problem).toMatch(/always/);
    expect(pressed(state, enter).answers.tiers).toEqual([1, 2]);
  });

  test("a takes all, and again all but the locked ones", () => {
    const all = wizard([text("a")]);
    expect(pressed(all, enter).answers.tiers).toEqual([1, 2, 3]);
    expect(pressed(pressed(all, text("a")), enter).answers.tiers).toEqual([1]);
  });
});

describe("back", () => {
  test("keeps the answers, and shows what was chosen", () => {
    const there = wizard([text("3"), enter, enter]);
    expect(question(there)).toBe("storage");
    const back = pressed(pressed(there, escape), escape);
    expect(question(back)).toBe("tiers");
    expect(back.chosen).toEqual(["1", "2", "3"]);
  });

  test("on the first page asks whether to stop; any other key goes on", () => {
    const leaving = wizard([escape]);
    expect(leaving.leaving).toBe(true);
    expect(pressed(leaving, down)).toMatchObject({ leaving: false, outcome: null });
    expect(pressed(leaving, text("y")).outcome).toEqual({ answers: null });
  });
});

describe("a token", () => {
  const toToken = [enter];

  test("that is pasted goes to the Hub before the next question", () => {
    const typed = pasted(wizard([...toToken, down, enter]), " hf_goodgoodgood\n");
    const asking = pressed(typed, enter);
    expect(asking.errand).toMatchObject({ kind: "token" });
    expect(question(asking)).toBe("token");
    expect(JSON.stringify(asking.errand)).not.toContain("goodgood");
    const next = tokenChecked(asking, { ok: true, user: "ada" });
    expect(question(next)).toBe("keepToken");
    expect(next.answers.token.source).toBe("pasted");
  });

  test("is kept or used for this run only, as chosen; nobody without one is asked", () => {
    const asking = pressed(pasted(wizard([...toToken, down, enter]), "hf_goodgoodgood"), enter);
    const keep = tokenChecked(asking, { ok: true, user: "ada" });
    const once = [down, enter].reduce(pressed, keep);
    expect(once.answers.keepToken).toBe(false);
    expect(question(once)).toBe("storage");
    // The token is taken back: the page after it is the folder's again.
    const without = [escape, escape, text("2"), enter].reduce(pressed, once);
    expect(question(without)).toBe("storage");
    expect(without.questions.map(({ id }) => id)).not.toContain("keepToken");
  });

  test("that the Hub refuses is said in place, with an empty field", () => {
    const asking = pressed(pasted(wizard([...toToken, down, enter]), "hf_wrongwrong"), enter);
    const refused = tokenChecked(asking, {
      ok: false,
      message: "The Hub does not know this token.",
    });
    expect(refused).toMatchObject({
      problem: "The Hub does not know this token.",
      typed: "",
      errand: null,
    });
    expect(question(refused)).toBe("token");
  });

  test("that is no token is refused without asking", () => {
    const state = pressed(pasted(wizard([...toToken, down, enter]), "two words"), enter);
    expect(state.errand).toBeNull();
    expect(state.problem).toMatch(/not a Hugging Face token/);
  });

  test("can be taken back while the Hub is asked", () => {
    const asking = pressed(pasted(wizard([...toToken, down, enter]), "hf_wrongwrong"), enter);
    const back = pressed(asking, escape);
    expect(back.errand).toBeNull();
    // The answer comes too late: nothing changes.
    expect(tokenChecked(back, { ok: true, user: "ada" })).toBe(back);
  });

  test("never shows on the page, nor how long it is", () => {
    const short = pasted(wizard([...toToken, down, enter]), "hf_aaaaaaaa");
    const long = pasted(wizard([...toToken, down, enter]), `hf_${"b".repeat(60)}`);
    expect(page(short)).toBe(page(long));
    expect(page(short)).not.toContain("hf_");
  });
});

test("a token that the terminal sends without brackets is a paste, not keys", () => {
  const state = pressed(wizard([enter]), text("hf_quiquiqui"));
  expect(state).toMatchObject({ typed: "hf_quiquiqui", leaving: false });
});

describe("a folder", () => {
  test("can be typed, corrected and taken over", () => {
    const at = wizard([enter, enter, text("3"), enter]);
    const typed = Array.from("/data/x", text).reduce(pressed, at);
    const fixed = [{ kind: "backspace" } as const, ...Array.from("models", text)].reduce(
      pressed,
      typed,
    );
    const next = pressed(fixed, enter);
    expect(next.answers.storage).toBe("/data/models");
    expect(question(next)).toBe("startup");
    const back = pressed(next, escape);
    expect(back.cursor).toBe(2);
    expect(page(back)).toContain("/data/models");
  });

  test("that is no path is refused in place", () => {
    const at = wizard([enter, enter, text("3"), enter]);
    const state = pressed(Array.from("data", text).reduce(pressed, at), enter);
    expect(state.problem).toMatch(/begins with \//);
    expect(question(state)).toBe("storage");
  });
});

describe("the summary", () => {
  const all = [enter, enter, enter, enter];

  test("asks for the preview, and takes no yes before it is there", () => {
    const waiting = wizard(all);
    expect(waiting.errand).toMatchObject({ kind: "preview" });
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
    const state = errandFailed(wizard(all), "You may not write to /broken. Choose another folder.");
    expect(page(state)).toContain("You may not write to /broken.");
    expect(pressed(state, enter).outcome).toBeNull();
  });

  test("is all there is where everything is decided", () => {
    const decided = new Set(["unsupported", "tiers", "token", "storage", "startup"] as const);
    const state = wizard([], { decided });
    expect(state.errand).toMatchObject({ kind: "preview" });
    expect(pressed(previewed(state, plannedFrom(state.answers)), escape).leaving).toBe(true);
  });
});

test("consent is asked on another machine, and no ends the wizard", () => {
  const machine = { ...spark, spark: false };
  expect(question(wizard([], { machine }))).toBe("unsupported");
  expect(wizard([enter], { machine }).outcome).toEqual({ answers: null });
  const onward = wizard([down, enter], { machine });
  expect(onward.answers.unsupported).toBe(true);
  expect(question(onward)).toBe("tiers");
});

test("help shows the question's paragraph, and any key leaves it", () => {
  const help = wizard([text("?")]);
  expect(page(help)).toMatch(/is\s+not\s+fetched\s+twice/);
  expect(pressed(help, text("q"))).toMatchObject({ help: false, leaving: false });
});

test.each([
  { columns: 40, rows: 12 },
  { columns: 60, rows: 15 },
  { columns: 80, rows: 24 },
  { columns: 200, rows: 60 },
])("every page fits $columns by $rows", ({ columns, rows }) => {
  const machine = { ...spark, spark: false };
  const states: WizardState[] = [openWizard(cannedPlanning({ machine, resumed: true }))];
  for (const press of [text("n"), down, enter, enter, enter, enter, enter]) {
    const last = states.at(-1) ?? wizard([]);
    states.push(pressed(last, press));
  }
  const summary = states.at(-1) ?? wizard([]);
  states.push(previewed(summary, plannedFrom(summary.answers)));
  states.push(errandFailed(summary, "A long sentence about what is wrong. ".repeat(9)));
  states.push({ ...(states[2] ?? summary), problem: "A long sentence about it. ".repeat(9) });
  states.push(pressed(states[1] ?? summary, text("?")));
  for (const state of states) {
    const lines = pageLines(state, { columns, rows });
    expect(lines.length).toBeLessThanOrEqual(rows - 2);
    expect(lines.length).toBeGreaterThan(1);
  }
});

function pageLines(state: WizardState, size: { columns: number; rows: number }) {
  const theme = createTheme({ color: false, unicode: true });
  return wizardPage({ wizard: state, state: initialState, tick: 0, size, theme });
}

function page(state: WizardState): string {
  return pageLines(state, { columns: 100, rows: 40 })
    .map((line) => line.map((part) => part.text).join(""))
    .join("\n");
}
