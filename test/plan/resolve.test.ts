import { describe, expect, it } from "vitest";
import type { Catalog } from "../../src/catalog/catalog.ts";
import { parseConfig } from "../../src/plan/config-file.ts";
import { questions } from "../../src/plan/questions.ts";
import { rememberable, resolveAnswers, type AnswerSources } from "../../src/plan/resolve.ts";
import { parseCount, parseRate, settings } from "../../src/plan/settings.ts";
import { Secret } from "../../src/run/secret.ts";

const catalog: Catalog = {
  stack: "her-os",
  tiers: [
    { id: 1, name: "Critical", required: true, default: false },
    { id: 2, name: "Important", required: false, default: true },
    { id: 3, name: "Enhancement", required: false, default: false },
  ],
  models: [],
  variables: {},
  coreEnvironment: {},
  proof: null,
  warmupEnvironment: {},
  tokenFor: { core: false, warmup: false },
  gpuImages: [],
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
      tiers: [1, 2],
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
        { tiers: ["1"], startup: ["wait"], storage: ["/data/models"] },
        { tiers: ["2"] },
        { tiers: ["3"] },
      ],
    });
    expect(answers).toMatchObject({ tiers: [1, 3], startup: "wait", storage: "/data/models" });
    expect([...decided].toSorted()).toEqual(["startup", "storage", "tiers"]);
  });

  it("take a set that the stack's .env switches on or off over remembered ones, and flags over both", () => {
    const switched = (...tiers: readonly [number, boolean][]) =>
      resolveAnswers({
        ...nothing,
        remembered: { tiers: ["1", "2"] },
        enabledTiers: new Map(tiers),
      });
    expect(switched([3, true]).answers.tiers).toEqual([1, 2, 3]);
    expect(switched([2, false], [1, false]).answers.tiers).toEqual([1]);
    expect(switched([3, true]).decided.has("tiers")).toBe(false);
    const enabledTiers = new Map([[3, true]]);
    const flags = resolveAnswers({ ...nothing, decided: [{ tiers: ["2"] }], enabledTiers });
    expect(flags.answers.tiers).toEqual([1, 2]);
  });

  it("keep remembered answers, but ask them again, and drop one that no longer fits", () => {
    const { answers, decided } = resolveAnswers({
      ...nothing,
      remembered: { tiers: ["1", "8"], startup: ["wait"] },
    });
    expect(answers).toMatchObject({ tiers: [1, 2], startup: "wait" });
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
      tiers: ["1", "2"],
      keepToken: ["yes"],
      storage: ["hub-cache"],
      startup: ["progressive"],
      resumeAtBoot: ["no"],
    });
  });

  it.each([
    ["a tier that is no number", { tiers: ["one"] }, "plan.bad_answer"],
    ["a tier that does not exist", { tiers: ["1,9"] }, "tiers.unknown"],
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
