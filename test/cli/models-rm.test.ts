import { lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { ollamaModel } from "../source/ollama/models.ts";
import { type RegistryServer, startRegistry } from "../source/oci/registry-server.ts";
import { type HerosRun, makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;
let registry: RegistryServer;
let cache: string;
let models: string;
const llava = ollamaModel("llava", { sizeBytes: 500_000 });
const notes = ollamaModel("notes", { sizeBytes: 400_000, template: "another" });

beforeEach(async () => {
  sandbox = await makeSandbox();
  hub = await startHub({
    repos: ["demo/voice", "demo/shared", "demo/other"].map((id) => ({
      id,
      files: [
        { path: "config.json", content: `"${id}"` },
        { path: "onnx/model.onnx", sizeBytes: 300_000 },
      ],
    })),
  });
  registry = await startRegistry({ storage: true });
  registry.push("library/llava", "7b", llava);
  registry.push("ann/notes", "latest", notes);
  cache = join(sandbox.dir, "cache");
  models = join(sandbox.home, ".ollama/models");
});

afterEach(async () => {
  await hub.close();
  await registry[Symbol.asyncDispose]();
  await sandbox[Symbol.asyncDispose]();
});

const named = (name: string): string => `ollama:${registry.host}/${name}`;

async function heros(...args: string[]): Promise<HerosRun> {
  const catalog = await sandbox.file(
    "catalog.yaml",
    `schema: 1
stack: test
tiers: [{id: 1, name: Critical, required: true}]
models:
  - {id: voice, repo: demo/voice, tier: 1, also: [{repo: demo/shared}]}
  - {id: ears, repo: demo/shared, tier: 1}
`,
  );
  const endpoint = args[0] === "pull" || args[1] === "verify" ? ["--endpoint", hub.endpoint] : [];
  return sandbox.run([...args, "--catalog", catalog, ...endpoint, "--cache-dir", cache, "--json"]);
}

async function pull(...names: string[]): Promise<void> {
  const run = await heros("pull", ...names);
  expect(run.exitCode, run.stdout).toBe(0);
}

function planned(run: HerosRun) {
  const found = run
    .events()
    .find(
      (event): event is Extract<TimedEvent, { type: "prune.planned" }> =>
        event.type === "prune.planned",
    );
  if (found === undefined) throw new Error(`nothing planned: ${run.stdout}${run.stderr}`);
  return found;
}

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
const blobOf = ({ digest }: { digest: string }): string =>
  join(models, "blobs", digest.replace(":", "-"));

test("a model of Ollama's is shown first, and then removed without what another model needs", async () => {
  await pull(named("library/llava:7b"), named("ann/notes"));
  const shown = await heros("models", "rm", named("library/llava:7b"));
  expect(shown.exitCode, shown.stdout).toBe(0);
  expect(planned(shown)).toMatchObject({ dryRun: true });
  expect(await isThere(blobOf(llava.blobs[1] ?? llava))).toBe(true);
  const run = await heros("models", "rm", named("library/llava:7b"), "--yes");
  expect(run.exitCode, run.stdout).toBe(0);
  const shared = new Set(notes.blobs.map(({ digest }) => digest));
  for (const blob of llava.blobs) {
    expect(await isThere(blobOf(blob)), blob.digest).toBe(shared.has(blob.digest));
  }
  expect(await readdir(join(models, `manifests/${registry.host}`))).toEqual(["ann"]);
  expect((await heros("models", "verify", named("ann/notes"))).exitCode).toBe(0);
  const last = await heros("models", "rm", named("ann/notes"), "--yes");
  expect(last.exitCode, last.stdout).toBe(0);
  expect(await readdir(join(models, "blobs"))).toEqual([]);
  expect(await readdir(join(models, "manifests"))).toEqual([]);
});

test("a model of Ollama's that is not whole yet is shown, and removed with what has come of it", async () => {
  const large = ollamaModel("large", { sizeBytes: 4_000_000 });
  registry.push("library/large", "1", large);
  const name = named("library/large:1");
  const killed = await sandbox.run(["pull", name, "--limit-rate", "2M", "--json"], {
    onOutput(text, kill) {
      const reached = /"type":"download.progress","receivedBytes":(\d+)/.exec(text)?.[1];
      if (Number(reached ?? 0) >= 1_500_000) kill("SIGKILL");
    },
  });
  expect(killed.exitCode).toBeNull();
  const listed = (await heros("models", "ls"))
    .events()
    .find(({ type }) => type === "models.listed");
  expect(listed).toMatchObject({
    models: expect.arrayContaining([
      expect.objectContaining({ id: name, state: "partly" }),
    ]) as unknown,
  });
  const run = await heros("models", "rm", name, "--yes");
  expect(run.exitCode, run.stdout).toBe(0);
  expect(planned(run).bytes).toBeGreaterThan(1_000_000);
  expect(await readdir(join(models, ".heros"))).toEqual(["locks"]);
  expect(failureOf(await heros("models", "rm", name))).toMatchObject({ code: "models.not_here" });
});

test("where another manifest can't be read, all layers stay", async () => {
  await pull(named("library/llava:7b"));
  const folder = join(models, "manifests/registry.ollama.ai/library/strange");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "latest"), "not JSON");
  const run = await heros("models", "rm", named("library/llava:7b"), "--yes");
  expect(run.exitCode, run.stdout).toBe(0);
  const reason = `the manifest ${join(folder, "latest")} can't be read, so its layers are not known`;
  expect(planned(run).kept).toEqual([{ file: join(models, "blobs"), reason }]);
  expect(await readdir(join(models, "blobs"))).toHaveLength(llava.blobs.length);
  expect(await isThere(join(folder, "latest"))).toBe(true);
});

test("a repository of the Hub is removed to its last folder, and the others stay", async () => {
  await pull("demo/other", "voice");
  const before = (await readdir(cache)).toSorted();
  expect(before).toContain("models--demo--other");
  const run = await heros("models", "rm", "demo/other", "--yes");
  expect(run.exitCode, run.stdout).toBe(0);
  expect((await readdir(cache)).toSorted()).toEqual(
    before.filter((name) => name !== "models--demo--other"),
  );
  expect((await heros("models", "verify", "voice")).exitCode).toBe(0);
});

test("one of two revisions goes with the blobs that the other does not need", async () => {
  await pull("demo/other");
  const root = join(cache, "models--demo--other");
  const other = "c".repeat(40);
  const [commit = ""] = await readdir(join(root, "snapshots"));
  const config = await readdir(join(root, "blobs"));
  const small = config.find((name) => name.length === 40) ?? "";
  await mkdir(join(root, "snapshots", other));
  await symlink(`../../blobs/${small}`, join(root, "snapshots", other, "config.json"));
  const run = await heros("models", "rm", "demo/other", "--yes");
  expect(run.exitCode, run.stdout).toBe(0);
  expect(await readdir(join(root, "snapshots"))).toEqual([other]);
  expect(await readdir(join(root, "blobs"))).toEqual([small]);
  expect(await isThere(join(root, "refs/main"))).toBe(false);
  expect(commit).not.toBe(other);
  expect(JSON.parse(await readFile(join(root, "snapshots", other, "config.json"), "utf8"))).toBe(
    "demo/other",
  );
});

test("what another model of the catalog needs is kept, and it says which", async () => {
  await pull("voice", "ears");
  const run = await heros("models", "rm", "voice", "--yes");
  expect(run.exitCode, run.stdout).toBe(0);
  expect(planned(run).kept).toEqual([
    { file: join(cache, "models--demo--shared"), reason: "ears needs it" },
  ]);
  expect((await readdir(cache)).filter((name) => name.startsWith("models--"))).toEqual([
    "models--demo--shared",
  ]);
  expect((await heros("models", "verify", "ears")).exitCode).toBe(0);
});

test("a repository behind a link is left alone", async () => {
  await pull("demo/other");
  const elsewhere = join(sandbox.dir, "elsewhere");
  await rename(join(cache, "models--demo--other"), elsewhere);
  await symlink(elsewhere, join(cache, "models--demo--other"));
  const run = await heros("models", "rm", "demo/other", "--yes");
  expect(planned(run)).toMatchObject({
    files: [],
    kept: [{ reason: expect.stringContaining("link") as string }],
  });
  expect((await readdir(elsewhere)).toSorted()).toEqual(["blobs", "refs", "snapshots"]);
  await rm(elsewhere, { recursive: true });
});

test.each([
  [["demo/nothing"], "models.not_here"],
  [["ollama:llava"], "models.not_here"],
  [["nose"], "models.unknown"],
  [[], "usage.wrong"],
])("rm %j ends with %s, and removes nothing", async (names, code) => {
  const failure = failureOf(await heros("models", "rm", ...names, "--yes"));
  expect(failure).toMatchObject({ code, exitCode: 2 });
});
