import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findModel, type RegisteredModel, reportHealth } from "../../src/demo/annie/models.ts";
import { layIntoCache } from "./test-demo.ts";

const commit = "c".repeat(40);
const tokenizer = { repo: "me/tokenizer", revision: "main", files: ["spm.model"] };
const model: RegisteredModel = {
  name: "gliner",
  tier: 1,
  capability: "naming",
  parts: [
    { repo: "me/gliner", revision: commit, files: ["config.json", "voices/*.pt"] },
    tokenizer,
  ],
};
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heros-loader-"));
});

afterEach(() => rm(folder, { recursive: true }));

function find(hubCache: string | null = folder, home: string | null = null) {
  return findModel(model, { bakedModels: join(folder, "baked"), hubCache, home });
}

test("a model is ready once every part of it can be opened", async () => {
  expect(await find()).toEqual({ status: "pending" });
  await layIntoCache(folder, model.parts[0] ?? tokenizer);
  expect(await find()).toEqual({ status: "downloading", progress: "66%" });
  await layIntoCache(folder, tokenizer);
  expect(await find()).toEqual({ status: "ready", source: "cache" });
});

test("a folder without a snapshot is no model, and neither is a link to nothing", async () => {
  await layIntoCache(folder, tokenizer);
  await mkdir(join(folder, "models--me--gliner/blobs"), { recursive: true });
  expect(await find()).toMatchObject({ status: "downloading" });

  await layIntoCache(folder, model.parts[0] ?? tokenizer, { dangling: "config.json" });
  expect(await find()).toMatchObject({ status: "downloading" });
});

test("a branch is found by its ref, and not where a newline ends it", async () => {
  await layIntoCache(folder, model.parts[0] ?? tokenizer);
  await layIntoCache(folder, tokenizer);
  await writeFile(join(folder, "models--me--tokenizer/refs/main"), `${"f".repeat(40)}\n`);

  expect(await find()).toMatchObject({ status: "downloading" });
});

test("what the image has baked in comes first", async () => {
  await mkdir(join(folder, "baked/me--gliner"), { recursive: true });

  expect(await find()).toEqual({ status: "ready", source: "baked" });
});

test.each([
  ["HF_HOME, as her own loader has it", ""],
  ["hub below HF_HOME, as the libraries have it", "hub"],
])("looks in %s", async (_, below) => {
  for (const part of model.parts) await layIntoCache(join(folder, "home", below), part);

  expect(await find(null, join(folder, "home"))).toMatchObject({ status: "ready" });
});

test("she is healthy with her first tier, and can do what her models can", () => {
  const later = { name: "whisper", tier: 2, capability: "voice_stt", parts: [tokenizer] };
  const ready = { status: "ready", source: "cache" } as const;

  expect(reportHealth([model, later], new Map())).toMatchObject({
    status: "starting",
    capabilities: { naming: false, voice_stt: false },
  });
  expect(reportHealth([model, later], new Map([["gliner", ready]]))).toEqual({
    status: "healthy",
    checks: {
      gpu: { available: true, device: "NVIDIA GB10" },
      models: { gliner: ready, whisper: { status: "pending" } },
    },
    capabilities: { naming: true, voice_stt: false },
  });
});

test("how far heros says that it is with a model is handed on, while it says so", async () => {
  const told = (updatedAt: Date, state = "downloading") =>
    writeFile(
      join(folder, ".heros/progress.json"),
      JSON.stringify({ schema: 1, updatedAt, models: [{ id: "gliner", state, percent: 45 }] }),
    );
  await mkdir(join(folder, ".heros"));
  await told(new Date());
  expect(await find()).toEqual({ status: "downloading", progress: "45%" });
  await told(new Date(), "waiting");
  expect(await find()).toEqual({ status: "pending" });
  await told(new Date(Date.now() - 60_000));
  expect(await find()).toEqual({ status: "pending" });
});
