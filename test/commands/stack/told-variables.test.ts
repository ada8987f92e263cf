import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseCatalog } from "../../../src/catalog/load.ts";
import { enabledTiers, toldVariables } from "../../../src/commands/stack/told-variables.ts";
import { newStackDir, testHost } from "../../deploy/compose/fixtures.ts";

const file = new URL("../../../assets/catalogs/her-os.yaml", import.meta.url);
const catalog = parseCatalog(readFileSync(file, "utf8"), "her-os.yaml");

test("her-os is told of the answers by its own variables, and its downloader to leave the models alone", () => {
  const { core, warmup, bakedModels } = toldVariables(catalog, { tiers: [1, 3], startup: "wait" });
  expect(core).toMatchObject({
    DOWNLOAD_PRIORITY: "1",
    HER_OS_STARTUP: "wait",
    HER_OS_TIERS: "1,3",
    HER_OS_ENABLE_8B: "true",
    HER_OS_MODELS: expect.stringMatching(
      /^Qwen\/Qwen3-Embedding-0\.6B@\w{40},.*8B@\w{40}$/,
    ) as string,
  });
  expect(warmup).toMatchObject({
    DOWNLOAD_PRIORITY: "${MODEL_DOWNLOAD_PRIORITY:-3}",
    HER_OS_ENABLE_8B: "true",
  });
  expect(bakedModels).toBe("HER_OS_BAKED_MODELS");
  const { core: without } = toldVariables(catalog, { tiers: [1, 2], startup: "wait" });
  expect(without).toMatchObject({ HER_OS_ENABLE_8B: "false" });
});

test.each([
  [[1], "1", false],
  [[1, 2], "2", true],
  [[1, 3], "3", false],
  [[1, 2, 3], "3", true],
])("of the tiers %j the warm-up fetches up to %s, and all: %j", (tiers, last, all) => {
  const { warmup, areAllChosen } = toldVariables(catalog, { tiers, startup: "warmup" });
  expect(warmup["DOWNLOAD_PRIORITY"]).toBe(`\${MODEL_DOWNLOAD_PRIORITY:-${last}}`);
  expect(areAllChosen).toBe(all);
});

test("a catalog that names no variables tells nothing", () => {
  const silent = parseCatalog(
    "schema: 1\nstack: s\ntiers: [{id: 1, name: One, required: true}]\nmodels: [{id: a, repo: o/a, tier: 1}]\n",
    "s.yaml",
  );
  expect(toldVariables(silent, { tiers: [1], startup: "wait" })).toEqual({
    core: {},
    warmup: {},
    areAllChosen: true,
    bakedModels: null,
  });
});

test.each([
  ["HER_OS_ENABLE_8B=true\n", [[3, true]]],
  ["HER_OS_ENABLE_8B='1' # mine\n", [[3, true]]],
  ["HER_OS_ENABLE_8B=False\n", [[3, false]]],
  ["HER_OS_ENABLE_8B=\n", []],
  ["HER_OS_ENABLE_8B=perhaps\n", []],
  ["A='open\n", []],
])("of a .env with %j the sets that it switches are %j", async (text, switched) => {
  const stackDir = await newStackDir({ ".env": text });
  expect([...(await enabledTiers(testHost(), stackDir, catalog))]).toEqual(switched);
});
