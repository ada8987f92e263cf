import { expect, test } from "vitest";
import type { Capacity } from "../../../src/catalog/capacity.ts";
import { parseCatalog } from "../../../src/catalog/load.ts";
import { enabledGroups } from "../../../src/commands/stack/enabled-groups.ts";
import { fillServices } from "../../../src/commands/stack/fill-services.ts";
import type { Startup } from "../../../src/plan/answers.ts";
import { newStackDir, testHost } from "../../deploy/compose/fixtures.ts";
import { herOs } from "../../her-os.ts";

const filled = (groups: readonly string[], startup: Startup = "wait") =>
  fillServices({ catalog: herOs, answers: { groups, startup }, capacity: null })[0];

test("her-os is told of the answers by its own variables, and its downloader to leave the models alone", () => {
  const service = filled(["remember", "think-deeper"]);
  expect(service?.environment).toEqual({
    DOWNLOAD_PRIORITY: "1",
    HER_OS_STARTUP: "wait",
    HER_OS_TIERS: "1,3",
    HER_OS_ENABLE_8B: "true",
    HER_OS_MODELS: expect.stringMatching(
      /^Qwen\/Qwen3-Embedding-0\.6B@\w{40},.*8B@\w{40}$/,
    ) as string,
  });
  expect(service?.warmup?.environment).toMatchObject({
    DOWNLOAD_PRIORITY: "${MODEL_DOWNLOAD_PRIORITY:-3}",
    HER_OS_ENABLE_8B: "true",
  });
  expect(service?.bakedModels).toBe("HER_OS_BAKED_MODELS");
  expect(filled(["remember", "listen"])?.environment).toMatchObject({ HER_OS_ENABLE_8B: "false" });
});

test.each([
  [["remember"], "1", false],
  [["remember", "listen"], "2", true],
  [["remember", "think-deeper"], "3", false],
  [["remember", "listen", "think-deeper"], "3", true],
])("of the sets %j the warm-up fetches up to %s, and all: %j", (groups, last, all) => {
  const warmup = filled(groups, "warmup")?.warmup;
  expect(warmup?.environment["DOWNLOAD_PRIORITY"]).toBe(`\${MODEL_DOWNLOAD_PRIORITY:-${last}}`);
  expect(warmup?.entrypoint.includes("--all")).toBe(all);
});

test("a catalog of schema 1 that names no variables tells nothing", () => {
  const silent = parseCatalog(
    "schema: 1\nstack: s\ntiers: [{id: 1, name: One, required: true}]\nmodels: [{id: a, repo: o/a, tier: 1}]\n",
    "s.yaml",
    herOs.stack,
  );
  const answers = { groups: ["1"], startup: "wait" } as const;
  const [service] = fillServices({ catalog: silent, answers, capacity: null });
  expect(service).toMatchObject({
    environment: {},
    bakedModels: null,
    warmup: { environment: {} },
  });
});

const vllm = parseCatalog(
  `schema: 2
stack:
  id: mine
  service: llm
  port: { variable: MY_PORT, usual: 8000, inside: 8000 }
  values:
    max-len: { of: gpu-memory-gib, steps: { 0: 2048, 12: 4096, 64: 32768 } }
  services:
    llm:
      models: [{ store: hub, at: /models/huggingface/hub }, { store: ollama, at: /models/ollama }]
      gpus: all
      loads: [big]
      command: [--tensor-parallel-size, "{gpus}", --gpu-memory-utilization, "{gpu-share}", --max-model-len, "{value:max-len}"]
      environment: { HUB: "{hub}", OLLAMA: "{ollama}", KEEP: "\${HOME}", GROUPS: "{groups}", BIG: "{chosen-group:two}" }
    off: { groups: [two] }
groups: [{ id: one, required: true }, { id: two }]
models:
  - { id: big, repo: o/big, group: one, memoryGib: 14, recommendedGib: 18 }
`,
  "mine.yaml",
);

test.each<[Capacity, readonly string[]]>([
  [{ gpus: 1, gpuMemoryGib: 119, memoryGib: 119 }, ["1", "0.16", "32768"]],
  [{ gpus: 2, gpuMemoryGib: 24, memoryGib: 64 }, ["2", "0.75", "4096"]],
  [{ gpus: 1, gpuMemoryGib: 11, memoryGib: 64 }, ["1", "0.90", "2048"]],
  [{ gpus: 0, gpuMemoryGib: 0, memoryGib: 64 }, ["1", "0.9", "2048"]],
])("arguments follow from the machine: %j", (capacity, numbers) => {
  const answers = { groups: ["one"], startup: "progressive" } as const;
  const [llm, off] = fillServices({ catalog: vllm, answers, capacity });
  expect(llm?.command?.filter((_word, index) => index % 2 === 1)).toEqual(numbers);
  expect(llm?.environment).toEqual({
    HUB: "/models/huggingface/hub",
    OLLAMA: "/models/ollama",
    KEEP: "${HOME}",
    GROUPS: "one",
    BIG: "false",
  });
  expect([llm?.isOff, off?.isOff]).toEqual([false, true]);
});

test.each([
  ["HER_OS_ENABLE_8B=true\n", [["think-deeper", true]]],
  ["HER_OS_ENABLE_8B='1' # mine\n", [["think-deeper", true]]],
  ["HER_OS_ENABLE_8B=False\n", [["think-deeper", false]]],
  ["HER_OS_ENABLE_8B=\n", []],
  ["HER_OS_ENABLE_8B=perhaps\n", []],
  ["A='open\n", []],
])("of a .env with %j the sets that it switches are %j", async (text, switched) => {
  const stackDir = await newStackDir({ ".env": text });
  expect([...(await enabledGroups(testHost(), stackDir, herOs))]).toEqual(switched);
});
