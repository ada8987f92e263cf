import { describe, expect, test } from "vitest";
import { pasted, pressed } from "../../../../src/ui/ink/wizard/press.ts";
import { tokenChecked } from "../../../../src/ui/ink/wizard/wizard-state.ts";
import { down, enter, escape, page, question, text, wizard } from "../../wizard-walk.ts";

describe("a token", () => {
  const toToken = [enter];

  test("that is pasted goes to the Hub before the next question", () => {
    const typed = pasted(wizard([...toToken, down, enter]), " hf_goodgoodgood\n");
    const asking = pressed(typed, enter);
    expect(asking.effect).toMatchObject({ kind: "token" });
    expect(question(asking)).toBe("token");
    expect(JSON.stringify(asking.effect)).not.toContain("goodgood");
    const next = tokenChecked(asking, { ok: true, user: "ada" });
    expect(question(next)).toBe("keepToken");
    expect(next.answers.token.source).toBe("pasted");
  });

  test("that is being pasted can be asked about, and stays in its field", () => {
    const typing = pasted(wizard([...toToken, down, enter]), "hf_goodgoodgood");
    const helped = pressed(typing, text("?"));
    expect(helped).toMatchObject({ panel: { kind: "help" }, typed: "hf_goodgoodgood" });
    expect(pressed(helped, escape)).toMatchObject({ panel: null, typed: "hf_goodgoodgood" });
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
      problem: "The Hub does not know this token. Paste another one, or press Esc.",
      typed: "",
      effect: null,
    });
    expect(question(refused)).toBe("token");
  });

  test("is wanted before Enter", () => {
    const empty = wizard([...toToken, down, enter, enter]);
    expect(empty).toMatchObject({ typed: "", problem: "Paste a token first, or press Esc." });
  });

  test("that is no token is refused without asking", () => {
    const state = pressed(pasted(wizard([...toToken, down, enter]), "two words"), enter);
    expect(state.effect).toBeNull();
    expect(state.problem).toMatch(/not a Hugging Face token/);
  });

  test("can be taken back while the Hub is asked", () => {
    const asking = pressed(pasted(wizard([...toToken, down, enter]), "hf_wrongwrong"), enter);
    const back = pressed(asking, escape);
    expect(back.effect).toBeNull();
    // The answer comes too late: nothing changes.
    expect(tokenChecked(back, { ok: true, user: "ada" })).toBe(back);
  });

  test("is described before the Hub is asked, and never shown", () => {
    const shown = (token: string): string => page(pasted(wizard([...toToken, down, enter]), token));
    expect(shown(`hf_${"b".repeat(34)}`)).toMatch(/Token: hf_…, 37 characters_\n\n/);
    expect(shown("hf_aaaaaaaa")).toMatch(/11 characters_\n.*\[!\] It is shorter than a token/);
    expect(shown("ghp_cccccccccc")).toMatch(/Token: 14 characters_\n.*does not begin with hf_\./);
    expect(shown("hf_dd dddd")).toContain("It contains spaces.");
    for (const letter of ["a", "b", "c", "d"]) {
      expect(shown(`hf_${letter.repeat(34)}`)).not.toContain(letter.repeat(3));
    }
  });
});

test("a token that the terminal sends without brackets is a paste, not keys", () => {
  const state = pressed(wizard([enter]), text("hf_quiquiqui"));
  expect(state).toMatchObject({ typed: "hf_quiquiqui", leaving: false });
});
