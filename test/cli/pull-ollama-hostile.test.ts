import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ollamaModel } from "../source/ollama/models.ts";
import {
  type Fault,
  type RegistryServer,
  type Seen,
  startRegistry,
} from "../source/oci/registry-server.ts";
import { type HerosRun, makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

let sandbox: Sandbox;
let registry: RegistryServer;
let fault: (seen: Seen, nth: number) => Fault | undefined;
let models: string;
const llava = ollamaModel("llava", { sizeBytes: 3_000_000 });

beforeEach(async () => {
  sandbox = await makeSandbox();
  fault = () => undefined;
  const counts = { registry: 0, storage: 0, tokens: 0 };
  registry = await startRegistry({
    storage: true,
    intercept: (seen) => fault(seen, (counts[seen.server] += 1)),
  });
  registry.push("library/llava", "7b", llava);
  models = join(sandbox.home, ".ollama/models");
});

afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await sandbox[Symbol.asyncDispose]();
});

const pull = (): Promise<HerosRun> =>
  sandbox.run(["pull", `ollama:${registry.host}/library/llava:7b`, "--json"]);

async function manifests(): Promise<string[]> {
  return readdir(join(models, "manifests"), { recursive: true }).catch(() => []);
}

test("a server that dies in the middle of a layer is asked again, and only for what is missing", async () => {
  fault = ({ server }, nth) =>
    server === "storage" && nth % 3 === 0 ? { cutAfterBytes: 50_000 } : undefined;
  const run = await pull();
  expect(run.exitCode, run.stdout).toBe(0);
  for (const { digest, bytes } of llava.blobs) {
    const file = join(models, "blobs", digest.replace(":", "-"));
    expect((await readFile(file)).equals(bytes)).toBe(true);
  }
});

test("a layer whose bytes are wrong each time ends with 6, and ollama sees nothing of the model", async () => {
  fault = ({ server }) => (server === "storage" ? { flip: true } : undefined);
  const run = await pull();
  const failure = failureOf(run);
  expect(failure).toMatchObject({ code: "download.hash_mismatch", exitCode: 6 });
  expect(failure.message).toMatch(
    /^A layer of 127\.0\.0\.1:\d+\/library\/llava does not match its digest/,
  );
  expect(await manifests()).toEqual([]);
  expect(await readdir(join(models, "blobs")).catch(() => [])).toEqual([]);
});

test("a quota that is used up for hours ends with 5, and speaks of no image", async () => {
  const headers = { "retry-after": "7200" };
  fault = () => ({ answer: { status: 429, headers } });
  const failure = failureOf(await pull());
  expect(failure).toMatchObject({ code: "registry.rate_limited", exitCode: 5 });
  expect(failure.hint).not.toMatch(/docker|compose|image/);
});

test("a model that never came whole is not called up to date, and does not look whole", async () => {
  const small = llava.blobs[0]?.digest ?? "";
  fault = ({ url }) => (url.includes(small.slice(7)) ? { flip: true } : undefined);
  // Of the layers beside the wrong one, all may have come.
  expect((await pull()).exitCode).toBe(6);
  const catalog = await sandbox.file(
    "catalog.yaml",
    "schema: 1\nstack: test\ntiers: [{id: 1, name: Critical, required: true}]\nmodels: [{id: voice, repo: demo/voice, tier: 1}]\n",
  );
  const env = { HF_HUB_OFFLINE: "1" };
  const heros = (...args: string[]) =>
    sandbox.run(["models", ...args, "--catalog", catalog], { env });
  const update = await heros("update", "--dry-run");
  expect(update.stdout).not.toContain("up to date");
  expect(update.stdout + update.stderr).toContain(
    `heros pull ollama:${registry.host}/library/llava:7b`,
  );
  const listed = (await heros("ls")).stdout;
  expect(listed).toMatch(/llava:7b .* of 3\.00 MB downloaded/);
  expect(listed).not.toContain("3.00 MB of 3.00 MB");
  const named = await heros("update", `ollama:${registry.host}/library/llava:7b`, "--dry-run");
  expect(named.stdout + named.stderr).toContain("is not complete");
});
