import { createHash } from "node:crypto";
import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { type S3Asked, startS3, testKey } from "../source/s3/s3-server.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

const partBytes = 16 * 1024 * 1024;
const largeBytes = partBytes * 2 + 1000;
const place = "s3://models/annie";
let sandbox: Sandbox;
let hub: EmbeddedHub;
let server: Awaited<ReturnType<typeof startS3>>;
let fault: (asked: S3Asked) => number | null;

beforeEach(async () => {
  sandbox = await makeSandbox();
  hub = await startHub({
    repos: [
      {
        id: "demo/voice",
        files: [
          { path: "config.json", content: "{}" },
          { path: "onnx/deep/model +.onnx", sizeBytes: 700_000 },
        ],
      },
      { id: "demo/large", files: [{ path: "model.safetensors", sizeBytes: largeBytes }] },
    ],
  });
  fault = () => null;
  server = await startS3({
    fault(asked, response) {
      const status = fault(asked);
      if (status === null) return false;
      response.writeHead(status).end();
      return true;
    },
  });
});
afterEach(async () => {
  await hub.close();
  await server[Symbol.asyncDispose]();
  await sandbox[Symbol.asyncDispose]();
});

async function run(args: readonly string[], cache = "cache", env: Record<string, string> = {}) {
  const catalog = await sandbox.file(
    "catalog.yaml",
    `schema: 1\nstack: test\ntiers: [{id: 1, name: Critical, required: true}]\nmodels: [{id: voice, repo: demo/voice, tier: 1}]\n`,
  );
  const where = ["--catalog", catalog, "--cache-dir", join(sandbox.dir, cache), "--json"];
  return sandbox.run([...args, ...where], { env: { ...server.env, ...env } });
}
const pull = (...models: string[]) => run(["pull", ...models, "--endpoint", hub.endpoint]);
/** The Hub is not needed for it. */
const push = (...models: string[]) =>
  run(["models", "push", place, ...models, "--endpoint", "http://127.0.0.1:9"]);
const puts = () => server.asked.filter(({ method }) => method === "PUT");
const fileIn = (cache: string, path: string) =>
  readFile(join(sandbox.dir, cache, `models--demo--${path}`));

test("what is pushed is in another cache after a pull, byte by byte; a second push sends nothing", async () => {
  await pull("voice", "demo/large");
  const pushed = await push();
  expect(pushed.events().at(-1)).toMatchObject({ type: "run.succeeded" });
  expect(pushed.stdout + pushed.stderr).not.toContain(testKey.secret);
  const told = pushed.events().filter(({ type }) => type === "model.pushed");
  expect(told).toMatchObject([
    { id: "demo/large", place, sentBytes: largeBytes },
    { id: "voice", place, sentBytes: 700_002 },
  ]);

  const back = await run(["pull", place, "--endpoint", "http://127.0.0.1:9"], "second");
  expect(back.exitCode).toBe(0);
  for (const path of [
    `voice/snapshots/${hub.commit("demo/voice")}/onnx/deep/model +.onnx`,
    `voice/snapshots/${hub.commit("demo/voice")}/config.json`,
    `voice/refs/main`,
    `large/snapshots/${hub.commit("demo/large")}/model.safetensors`,
  ]) {
    expect(await fileIn("second", path)).toEqual(await fileIn("cache", path));
  }

  server.asked.length = 0;
  const again = await push();
  expect(again.exitCode).toBe(0);
  expect(puts()).toEqual([]);
});

test("one model is pushed beside others, and what others listed stays", async () => {
  await pull("voice", "demo/large");
  expect((await push("voice")).exitCode).toBe(0);
  expect((await push("demo/large")).exitCode).toBe(0);
  const text = server.objects.get("annie/heros-manifest.json")?.bytes.toString() ?? "";
  const { models } = JSON.parse(text) as { models: { repo: string }[] };
  expect(models.map(({ repo }) => repo)).toEqual(["demo/large", "demo/voice"]);
});

test("parts that are there are not sent again, and until all are there nothing is listed", async () => {
  await pull("demo/large");
  fault = ({ method, query }) => (method === "POST" && query.has("uploadId") ? 403 : null);
  const failed = await push("demo/large");
  expect(failureOf(failed)).toMatchObject({ exitCode: 5 });
  expect([...server.objects.keys()]).toEqual([]);

  fault = () => null;
  const [upload] = server.uploads.values();
  expect(upload?.parts.delete(3)).toBe(true);
  server.asked.length = 0;
  expect((await push("demo/large")).exitCode).toBe(0);
  const sent = puts().filter(({ query }) => query.has("partNumber"));
  expect(sent.map(({ bodyBytes }) => bodyBytes)).toEqual([1000]);
  const key = `annie/demo/large/${hub.commit("demo/large")}/model.safetensors`;
  const stored = server.objects.get(key)?.bytes ?? Buffer.alloc(0);
  const path = `large/snapshots/${hub.commit("demo/large")}/model.safetensors`;
  expect(createHash("sha256").update(stored).digest("hex")).toBe(
    createHash("sha256")
      .update(await fileIn("cache", path))
      .digest("hex"),
  );
});

test("another list that was written meanwhile is not lost", async () => {
  await pull("voice");
  const other = {
    repo: "org/other",
    revision: "main",
    commit: "2".repeat(40),
    files: [{ path: "a", size: 1, sha256: "3".repeat(64) }],
  };
  fault = ({ method, key }) => {
    const isList = method === "PUT" && key.endsWith("heros-manifest.json");
    if (isList && !server.objects.has(key)) {
      server.put(key, JSON.stringify({ schema: 1, models: [other] }));
    }
    return null;
  };
  expect((await push("voice")).exitCode).toBe(0);
  const text = server.objects.get("annie/heros-manifest.json")?.bytes.toString() ?? "";
  expect(text).toContain("org/other");
  expect(text).toContain("demo/voice");
});

test("a damaged file is not sent", async () => {
  await pull("voice");
  const path = join(
    sandbox.dir,
    `cache/models--demo--voice/snapshots/${hub.commit("demo/voice")}/config.json`,
  );
  await writeFile(path, "[]");
  expect(failureOf(await push("voice"))).toMatchObject({ code: "models.damaged", exitCode: 6 });
  expect(server.objects.size).toBe(0);
});

test("a model that is not complete is not sent", async () => {
  await pull("voice");
  const path = `cache/models--demo--voice/snapshots/${hub.commit("demo/voice")}/onnx/deep/model +.onnx`;
  await truncate(join(sandbox.dir, path), 5);
  const failed = failureOf(await push("voice"));
  expect(failed).toMatchObject({ code: "s3.not_cached", exitCode: 2 });
  expect(server.objects.size).toBe(0);
});

test.each([
  { what: "an empty cache", args: [place], code: "s3.not_cached" },
  { what: "another store", args: ["gs://models/annie"], code: "s3.other_store" },
  { what: "no address", args: ["voice"], code: "s3.bad_name" },
  { what: "a model of Ollama", args: [place, "ollama:llava:7b"], code: "s3.only_hub_models" },
])("$what ends with 2", async ({ args, code }) => {
  expect(failureOf(await run(["models", "push", ...args]))).toMatchObject({ code, exitCode: 2 });
});

test("a bucket that is not there, and a wrong secret, are told before anything is read", async () => {
  await pull("voice");
  const missing = await run(["models", "push", "s3://nowhere/annie", "voice"]);
  expect(failureOf(missing)).toMatchObject({ code: "s3.bucket_not_found", exitCode: 2 });
  const wrong = await run(["models", "push", place, "voice"], "cache", {
    AWS_SECRET_ACCESS_KEY: "hunter2",
  });
  expect(failureOf(wrong)).toMatchObject({ code: "s3.key_refused", exitCode: 2 });
  expect(wrong.stdout + wrong.stderr).not.toContain("hunter2");
});
