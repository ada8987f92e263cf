import { mkdir, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { ollamaModel } from "../source/ollama/models.ts";
import { type RegistryServer, startRegistry } from "../source/oci/registry-server.ts";
import { openHeros } from "./heros-pty.ts";
import { type HerosRun, makeSandbox, type RunOptions, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;
let registry: RegistryServer;
let cache: string;
let catalog: string;
const llava = ollamaModel("llava", { sizeBytes: 500_000 });
const newLlava = ollamaModel("llava", { sizeBytes: 600_000 });

const filesOf = (word: string, weights = 300_000) => [
  { path: "config.json", content: `"${word}"` },
  { path: "same.bin", sizeBytes: 200_000 },
  { path: `${word}/model.onnx`, sizeBytes: weights },
];

beforeEach(async () => {
  sandbox = await makeSandbox();
  hub = await startHub({
    repos: ["demo/voice", "demo/other", "demo/fixed"].map((id) => ({
      id,
      files: filesOf("first"),
    })),
  });
  registry = await startRegistry({ storage: true });
  registry.push("library/llava", "7b", llava);
  cache = join(sandbox.dir, "cache");
  catalog = await sandbox.file(
    "catalog.yaml",
    `schema: 1
stack: test
tiers: [{id: 1, name: Critical, required: true}]
models:
  - {id: voice, repo: demo/voice, tier: 1, files: [config.json, "*/model.onnx"]}
  - {id: fixed, repo: demo/fixed, revision: ${hub.commit("demo/fixed")}, tier: 1}
`,
  );
});

afterEach(async () => {
  await hub.close();
  await registry[Symbol.asyncDispose]();
  await sandbox[Symbol.asyncDispose]();
});

const named = (name: string): string => `ollama:${registry.host}/${name}`;

function heros(args: readonly string[], options: RunOptions = {}): Promise<HerosRun> {
  const where = ["--catalog", catalog, "--endpoint", hub.endpoint, "--cache-dir", cache];
  return sandbox.run([...args, ...where, "--json"], options);
}

const update = (...args: string[]): Promise<HerosRun> => heros(["models", "update", ...args]);

async function pull(...names: string[]): Promise<void> {
  const run = await heros(["pull", ...names]);
  expect(run.exitCode, run.stdout).toBe(0);
}

function the<Type extends TimedEvent["type"]>(run: HerosRun, type: Type) {
  const found = run
    .events()
    .find((event): event is Extract<TimedEvent, { type: Type }> => event.type === type);
  if (found === undefined) throw new Error(`no ${type} in ${run.stdout}${run.stderr}`);
  return found;
}

const refOf = (repo: string): Promise<string> =>
  readFile(join(cache, `models--${repo.replace("/", "--")}/refs/main`), "utf8");

test("an update tells what changes, fetches what is not here, and moves the name; prune then frees what is old", async () => {
  await pull("voice", "fixed", "demo/other", named("library/llava:7b"));
  const before = hub.commit("demo/other");
  for (const id of ["demo/voice", "demo/other", "demo/fixed"]) {
    hub.publish({ id, files: filesOf("second", 400_000) });
  }
  registry.push("library/llava", "7b", newLlava);
  const shown = await update("--dry-run");
  expect(shown.exitCode, shown.stdout).toBe(0);
  const plan = the(shown, "update.planned");
  expect(plan).toMatchObject({ dryRun: true });
  expect(plan.models).toMatchObject([
    { id: "voice", state: "newer", added: 1, changed: 1, removed: 1, unchanged: 0 },
    { id: "fixed", state: "pinned" },
    {
      id: "demo/other",
      state: "newer",
      from: before,
      to: hub.commit("demo/other"),
      added: 1,
      changed: 1,
      removed: 1,
      unchanged: 1,
      downloadBytes: 400_000 + '"second"'.length,
      freesBytes: 300_000 + '"first"'.length,
    },
    { id: named("library/llava:7b"), state: "newer" },
  ]);
  expect(await refOf("demo/other")).toBe(before);

  const refused = await update();
  expect(failureOf(refused)).toMatchObject({ code: "update.needs_yes", exitCode: 2 });
  expect(await refOf("demo/other")).toBe(before);

  const run = await update("--yes");
  expect(run.exitCode, run.stdout).toBe(0);
  expect(await refOf("demo/other")).toBe(hub.commit("demo/other"));
  expect(await refOf("demo/fixed")).not.toBe(hub.commit("demo/fixed"));
  const manifest = join(sandbox.home, `.ollama/models/manifests/${registry.host}/library/llava/7b`);
  expect((await readFile(manifest)).equals(newLlava.bytes)).toBe(true);
  const again = await update();
  expect(again.exitCode, again.stdout).toBe(0);
  expect(again.stdout).toContain("All models are up to date.");

  const told = plan.models.reduce((sum, { freesBytes }) => sum + freesBytes, 0);
  const unused = the(await heros(["models", "prune"]), "prune.planned");
  expect(unused.bytes).toBe(told);
  expect((await heros(["models", "prune", "--yes"])).exitCode).toBe(0);
  expect(the(await heros(["models", "prune"]), "prune.planned").files).toEqual([]);
  const sound = await heros(["models", "verify"]);
  expect(sound.exitCode, sound.stdout).toBe(0);
});

test("what is stopped on its way leaves the old revision, and goes on", async () => {
  await pull("demo/other");
  const before = hub.commit("demo/other");
  hub.publish({ id: "demo/other", files: filesOf("second", 4_000_000) });
  const killed = await heros(["models", "update", "--yes", "--limit-rate", "2M"], {
    onOutput(text, kill) {
      const reached = /"type":"download.progress","receivedBytes":(\d+)/.exec(text)?.[1];
      if (Number(reached ?? 0) >= 1_500_000) kill("SIGKILL");
    },
  });
  expect(killed.exitCode).toBeNull();
  expect(await refOf("demo/other")).toBe(before);
  expect((await heros(["models", "verify", "demo/other"])).exitCode).toBe(0);
  // What is still needed is not pruned meanwhile.
  expect((await heros(["models", "prune", "--yes"])).exitCode).toBe(0);
  expect((await heros(["models", "verify", "demo/other"])).exitCode).toBe(0);
  const rest = await update("demo/other", "--yes");
  expect(rest.exitCode, rest.stdout).toBe(0);
  expect(the(rest, "update.planned").downloadBytes).toBeLessThan(3_500_000);
  expect(await refOf("demo/other")).toBe(hub.commit("demo/other"));
});

test("of a repository of which another program took one file, that one is updated", async () => {
  await pull("demo/other");
  const root = join(cache, "models--demo--other");
  const commit = hub.commit("demo/other");
  for (const path of ["same.bin", "first"]) {
    await rm(join(root, "snapshots", commit, path), { recursive: true });
  }
  hub.publish({ id: "demo/other", files: filesOf("second") });
  const run = await update("--yes");
  expect(run.exitCode, run.stdout).toBe(0);
  expect(the(run, "update.planned").models).toMatchObject([
    { id: "demo/other", added: 0, changed: 1, removed: 0, unchanged: 0 },
  ]);
  const link = join(root, "snapshots", hub.commit("demo/other"), "config.json");
  expect(await readlink(link)).toContain("../../blobs/");
});

test("a repository that is gone is told, and the others are updated", async () => {
  await pull("demo/other");
  const gone = join(cache, "models--demo--gone");
  const commit = "a".repeat(40);
  await mkdir(join(gone, "snapshots", commit), { recursive: true });
  await mkdir(join(gone, "refs"), { recursive: true });
  await writeFile(join(gone, "snapshots", commit, "config.json"), "{}");
  await writeFile(join(gone, "refs/main"), commit);
  hub.publish({ id: "demo/other", files: filesOf("second") });
  const run = await update("--yes");
  expect(failureOf(run)).toMatchObject({ code: "hub.repo_not_found", exitCode: 2 });
  expect(the(run, "update.planned").models).toContainEqual(
    expect.objectContaining({ id: "demo/gone", state: "unknown", from: commit }),
  );
  expect(await refOf("demo/other")).toBe(hub.commit("demo/other"));
  expect(await readFile(join(gone, "refs/main"), "utf8")).toBe(commit);
});

test("offline, nothing is updated, and why is said", async () => {
  await pull("demo/other");
  const run = await heros(["models", "update", "--yes"], { env: { HF_HUB_OFFLINE: "1" } });
  expect(failureOf(run)).toMatchObject({ code: "hub.offline", exitCode: 5 });
});

test("a name that is not here is refused, and one that is pinned is told", async () => {
  await pull("fixed");
  expect(failureOf(await update("demo/other"))).toMatchObject({ code: "models.not_here" });
  const run = await update("fixed");
  expect(run.exitCode, run.stdout).toBe(0);
  expect(the(run, "update.planned").models).toMatchObject([{ id: "fixed", state: "pinned" }]);
});

test("in a terminal it shows what changes, and asks", async () => {
  await pull("demo/other");
  const before = hub.commit("demo/other");
  hub.publish({ id: "demo/other", files: filesOf("second") });
  const where = ["--catalog", catalog, "--endpoint", hub.endpoint, "--cache-dir", cache];
  for (const output of ["auto", "ink"]) {
    const pty = openHeros(sandbox, ["models", "update", ...where, "--output", output]);
    try {
      await pty.waitFor(/update (?:demo.)?other/);
      const shown = pty.text().replaceAll(/\s+/g, " ");
      expect(shown).toContain("1 added, 1 changed, 1 removed");
      pty.type(output === "auto" ? "n\r" : "\r");
      await pty.exit;
      expect(await refOf("demo/other")).toBe(output === "auto" ? before : hub.commit("demo/other"));
    } finally {
      pty.close();
    }
  }
});

test("a model of Ollama's that is killed on its way stays as it was, and goes on", async () => {
  await pull(named("library/llava:7b"));
  const large = ollamaModel("large", { sizeBytes: 4_000_000 });
  registry.push("library/llava", "7b", large);
  const killed = await heros(["models", "update", "--yes", "--limit-rate", "2M"], {
    onOutput(text, kill) {
      const reached = /"type":"download.progress","receivedBytes":(\d+)/.exec(text)?.[1];
      if (Number(reached ?? 0) >= 1_500_000) kill("SIGKILL");
    },
  });
  expect(killed.exitCode).toBeNull();
  const folder = join(sandbox.home, ".ollama/models");
  const manifest = join(folder, `manifests/${registry.host}/library/llava/7b`);
  expect((await readFile(manifest)).equals(llava.bytes)).toBe(true);
  expect(the(await heros(["models", "prune", "--yes"]), "prune.planned").files).toEqual([]);
  const rest = await update("--yes");
  expect(rest.exitCode, rest.stdout).toBe(0);
  expect(the(rest, "update.planned").downloadBytes).toBeLessThan(3_500_000);
  expect((await readFile(manifest)).equals(large.bytes)).toBe(true);
  // Nobody knows what a strange manifest needs.
  const strange = join(folder, "manifests/registry.ollama.ai/library/strange");
  await mkdir(strange, { recursive: true });
  await writeFile(join(strange, "latest"), "not JSON");
  const kept = the(await heros(["models", "prune", "--yes"]), "prune.planned");
  expect(kept).toMatchObject({ files: [], kept: [{ file: join(folder, "blobs") }] });
});

test("a gated repository is told before a byte comes, and the others are updated", async () => {
  await pull("demo/other", "voice");
  const before = hub.commit("demo/voice");
  hub.publish({ id: "demo/voice", files: filesOf("second"), access: "gated" });
  hub.publish({ id: "demo/other", files: filesOf("second") });
  const run = await update("--yes");
  expect(failureOf(run)).toMatchObject({ code: "hub.gated", exitCode: 2 });
  expect(await refOf("demo/other")).toBe(hub.commit("demo/other"));
  expect(await refOf("demo/voice")).toBe(before);
});

test("prune keeps an old revision that a tag names, and whatever another program left", async () => {
  await pull("demo/other");
  const first = hub.commit("demo/other");
  const root = join(cache, "models--demo--other");
  const foreign = join(root, "snapshots", "b".repeat(40));
  await mkdir(foreign);
  await writeFile(join(foreign, "config.json"), "{}");
  await writeFile(join(root, "refs/v1"), first);
  hub.publish({ id: "demo/other", branch: "v1", files: filesOf("first") });
  hub.publish({ id: "demo/other", files: filesOf("second") });
  const run = await update("demo/other", "--yes");
  expect(run.exitCode, run.stdout).toBe(0);
  expect(the(run, "update.planned").models).toMatchObject([{ freesBytes: 0 }]);
  expect(the(await heros(["models", "prune", "--yes"]), "prune.planned").files).toEqual([]);
  await rm(join(root, "refs/v1"));
  expect((await heros(["models", "prune", "--yes"])).exitCode).toBe(0);
  expect((await readdir(join(root, "snapshots"))).toSorted()).toEqual(
    ["b".repeat(40), hub.commit("demo/other")].toSorted(),
  );
  expect((await heros(["models", "verify", "demo/other"])).exitCode).toBe(0);
});
