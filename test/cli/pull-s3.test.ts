import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startHub } from "../../src/demo/hub/hub.ts";
import { startS3, testKey } from "../source/s3/s3-server.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

const commit = "1".repeat(40);
const weights = Buffer.alloc(300_000, "weights ");
let sandbox: Sandbox;
let server: Awaited<ReturnType<typeof startS3>>;

beforeEach(async () => {
  sandbox = await makeSandbox();
  server = await startS3();
  const hex = createHash("sha256").update(weights).digest("hex");
  const files = [{ path: "model.safetensors", size: weights.length, sha256: hex }];
  const models = [
    { repo: "demo/voice", revision: "main", commit, files },
    { repo: "demo/extra", revision: "v2", commit, files },
  ];
  server.put("annie/heros-manifest.json", JSON.stringify({ schema: 1, models }));
  for (const { repo } of models) server.put(`annie/${repo}/${commit}/model.safetensors`, weights);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await sandbox[Symbol.asyncDispose]();
});

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const catalog = await sandbox.file(
    "catalog.yaml",
    `schema: 1\nstack: test\ntiers: [{id: 1, name: Critical, required: true}]\nmodels: [{id: voice, repo: demo/voice, tier: 1}]\n`,
  );
  const where = ["--catalog", catalog, "--cache-dir", join(sandbox.dir, "cache"), "--json"];
  return sandbox.run([...args, ...where], { env: { ...server.env, ...env } });
}
const file = (repo: string) =>
  readFile(join(sandbox.dir, `cache/models--demo--${repo}/snapshots/${commit}/model.safetensors`));

test("heros pull s3://… brings all models of a bucket into the Hub cache, and again has nothing to do", async () => {
  // Nobody asks the Hub.
  const args = ["pull", "s3://models/annie/", "--endpoint", "http://127.0.0.1:9"];
  const first = await run(args);
  expect(first.events().at(-1)).toMatchObject({ type: "run.succeeded" });
  expect(await file("voice")).toEqual(weights);
  expect(await file("extra")).toEqual(weights);
  const ref = join(sandbox.dir, "cache/models--demo--extra/refs/v2");
  expect(await readFile(ref, "utf8")).toBe(commit);
  expect(first.stdout + first.stderr).not.toContain(testKey.secret);
  expect(first.stdout + first.stderr).not.toContain("Signature=");

  const again = await run(args);
  expect(again.events().find(({ type }) => type === "download.planned")).toMatchObject({
    cachedBytes: 600_000,
  });
});

test("a bucket and the Hub in one pull", async () => {
  const hub = await startHub({ repos: [{ id: "demo/hub", files: [{ path: "a", content: "a" }] }] });
  try {
    const args = ["pull", "s3://models/annie", "demo/hub", "--endpoint", hub.endpoint];
    expect((await run(args)).exitCode).toBe(0);
    expect(await file("voice")).toEqual(weights);
    expect(hub.requests.some(({ url }) => url.includes("demo/voice"))).toBe(false);
  } finally {
    await hub.close();
  }
});

test("a file that is damaged in a bucket is told as the bucket's", async () => {
  const wrong = Buffer.alloc(weights.length, "wrong ");
  server.put(`annie/demo/voice/${commit}/model.safetensors`, wrong);
  for (const args of [["s3://models/annie"], ["--endpoint", "s3://models/annie"]]) {
    const failure = failureOf(await run(["pull", ...args]));
    expect(failure).toMatchObject({ code: "download.hash_mismatch", exitCode: 6 });
    expect(failure.message).toContain("does not match its checksum in s3://models/annie");
    expect(failure.message).not.toContain("Hub");
  }
});

test("a bucket may take the Hub's place", async () => {
  const pulled = await run(["pull", "--endpoint", "s3://models/annie"]);
  expect(pulled.exitCode).toBe(0);
  expect(await file("voice")).toEqual(weights);
  const listed = await run(["models", "ls"], { HF_ENDPOINT: "s3://models/annie" });
  expect(listed.exitCode).toBe(0);
});

test.each([
  { args: ["pull", "gs://models/annie"], code: "s3.other_store" },
  { args: ["pull", "as://account/container"], code: "s3.other_store" },
  { args: ["pull", "s3://"], code: "s3.bad_name" },
  { args: ["pull", "s3://models/../x"], code: "s3.bad_name" },
  { args: ["pull", "s3://me:hunter2@models/x"], code: "s3.bad_name" },
  { args: ["pull", "gs://me:hunter2@models/x"], code: "s3.other_store" },
  { args: ["pull", "s3://models/annie", "--all"], code: "usage.wrong" },
  { args: ["pull", "--endpoint", "gs://models"], code: "s3.other_store" },
  { args: ["pull", "s3://nowhere/annie"], code: "s3.bucket_not_found" },
])("heros $args ends with 2 and $code", async ({ args, code }) => {
  const failed = await run(args);
  expect(failureOf(failed)).toMatchObject({ code, exitCode: 2 });
  expect(failed.stdout + failed.stderr).not.toContain("hunter2");
});
