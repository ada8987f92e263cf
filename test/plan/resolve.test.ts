import { herOs } from "../her-os.ts";
import { describe, expect, it } from "vitest";
import type { Catalog } from "../../src/catalog/catalog.ts";
import { parseConfig } from "../../src/plan/config-file.ts";
import { questions } from "../../src/plan/questions.ts";
import { rememberable, resolveAnswers, type AnswerSources } from "../../src/plan/resolve.ts";
import { parseCount, parseRate, settings } from "../../src/plan/settings.ts";
import { Secret } from "../../src/run/secret.ts";

const catalog: Catalog = {
  ...herOs,
  models: [],
};
const nothing: AnswerSources = {
  catalog,
  remembered: {},
  decided: [],
  foundTokens: [],
  tokenFile: null,
};

describe("answers before anybody is asked", () => {
  it("are the defaults of the catalog", () => {
    const { answers, decided } = resolveAnswers(nothing);
    expect(answers).toEqual({
      unsupported: false,
      groups: ["remember", "listen"],
      token: { source: "none" },
      keepToken: true,
      storage: "hub-cache",
      startup: "progressive",
      resumeAtBoot: false,
    });
    expect([...decided]).toEqual([]);
  });

  it("take flags over the environment over the config file, and ask none of these", () => {
    const { answers, decided } = resolveAnswers({
      ...nothing,
      decided: [
        { groups: ["1"], startup: ["wait"], storage: ["/data/models"] },
        { groups: ["listen"] },
        { groups: ["3"] },
      ],
    });
    expect(answers).toMatchObject({
      groups: ["remember", "think-deeper"],
      startup: "wait",
      storage: "/data/models",
    });
    expect([...decided].toSorted()).toEqual(["groups", "startup", "storage"]);
  });

  it("take a set that the stack's .env switches on or off over remembered ones, and flags over both", () => {
    const switched = (...groups: readonly [string, boolean][]) =>
      resolveAnswers({
        ...nothing,
        remembered: { groups: ["1", "2"] },
        enabledGroups: new Map(groups),
      });
    expect(switched(["think-deeper", true]).answers.groups).toEqual([
      "remember",
      "listen",
      "think-deeper",
    ]);
    expect(switched(["listen", false], ["remember", false]).answers.groups).toEqual(["remember"]);
    expect(switched(["think-deeper", true]).decided.has("groups")).toBe(false);
    const enabledGroups = new Map([["think-deeper", true]]);
    const flags = resolveAnswers({ ...nothing, decided: [{ groups: ["2"] }], enabledGroups });
    expect(flags.answers.groups).toEqual(["remember", "listen"]);
  });

  it("keep remembered answers, but ask them again, and drop one that no longer fits", () => {
    const { answers, decided } = resolveAnswers({
      ...nothing,
      remembered: { groups: ["1", "8"], startup: ["wait"] },
    });
    expect(answers).toMatchObject({ groups: ["remember", "listen"], startup: "wait" });
    expect(decided.size).toBe(0);
  });

  it("use the first token that was found, and a token file before it", () => {
    const found = { source: "environment", token: new Secret("hf_environment") } as const;
    const file = { source: "token-file", token: new Secret("hf_from_a_file") } as const;
    expect(resolveAnswers({ ...nothing, foundTokens: [found] }).answers.token).toBe(found);
    const both = resolveAnswers({ ...nothing, foundTokens: [found], tokenFile: file });
    expect(both.answers.token).toBe(file);
    expect(both.decided.has("token")).toBe(true);
  });

  it("are remembered without token and consent", () => {
    const { answers } = resolveAnswers({
      ...nothing,
      tokenFile: { source: "pasted", token: new Secret("hf_secret_secret") },
    });
    expect(rememberable({ ...answers, unsupported: true })).toEqual({
      groups: ["remember", "listen"],
      keepToken: ["yes"],
      storage: ["hub-cache"],
      startup: ["progressive"],
      resumeAtBoot: ["no"],
    });
  });

  it.each([
    ["a set that is no word", { groups: ["on e!"] }, "plan.bad_answer"],
    ["a set that does not exist", { groups: ["1,9"] }, "groups.unknown"],
    ["a folder that is not absolute", { storage: ["models"] }, "plan.bad_answer"],
    ["a start that is neither", { startup: ["later"] }, "plan.bad_answer"],
  ])("refuse %s", (_what, values, code) => {
    expect(() => resolveAnswers({ ...nothing, decided: [values] })).toThrow(
      expect.objectContaining({ code, exitCode: 2 }),
    );
  });
});

describe("the table of questions and settings", () => {
  it("names no flag, environment variable or config key twice", () => {
    const rows = [...questions, ...settings];
    for (const column of ["flag", "environment", "configKey"] as const) {
      const names = rows.map((row) => row[column]);
      expect(new Set(names).size).toBe(names.length);
    }
    for (const row of rows) expect(row.environment).toMatch(/^HEROS_[A-Z_]+$/);
  });
});

describe("the config file", () => {
  it("has the keys of the table, as lists or single values", () => {
    expect(
      parseConfig(
        "tiers: [1, 3]\nstartup: wait\nlimitRate: 50M\nallowUnsupported: true\n",
        "c.yaml",
      ),
    ).toEqual({
      tiers: ["1", "3"],
      startup: ["wait"],
      limitRate: ["50M"],
      allowUnsupported: ["true"],
    });
    expect(parseConfig("\n", "c.yaml")).toEqual({});
  });

  it("says file, line and key of what is wrong", () => {
    expect(() => parseConfig("startup: wait\ntier: 1\n", "c.yaml")).toThrow(
      expect.objectContaining({
        code: "config.invalid",
        message: "Invalid config file c.yaml, line 2: tier: unknown key.",
      }),
    );
    expect(() => parseConfig("startup: [a]\n", "c.yaml")).toThrow(
      expect.objectContaining({ code: "config.invalid" }),
    );
  });
});

describe("values of settings", () => {
  it("reads rates in powers of 1000", () => {
    expect(
      ["50M", "800k", "1.5G", "1000", "2MB/s"].map((text) => parseRate("--limit-rate", text)),
    ).toEqual([50e6, 800e3, 1.5e9, 1000, 2e6]);
  });

  it.each(["", "fast", "0", "-5M", "5T"])("refuses the rate %j", (text) => {
    expect(() => parseRate("--limit-rate", text)).toThrow(
      expect.objectContaining({ code: "settings.bad_value", exitCode: 2 }),
    );
  });

  it("refuses a count that is none", () => {
    expect(parseCount("--max-connections", "16")).toBe(16);
    expect(() => parseCount("--max-connections", "many")).toThrow(
      expect.objectContaining({ exitCode: 2 }),
    );
  });

  it("takes several addresses from a config file", () => {
    const listed = parseConfig("endpoint: [https://a, https://b]", "heros.yaml");
    expect(listed).toEqual({ endpoint: ["https://a", "https://b"] });
  });
});
