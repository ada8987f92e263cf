import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { ollamaModel } from "../source/ollama/models.ts";
import { type RegistryServer, startRegistry } from "../source/oci/registry-server.ts";
import { type HerosRun, makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;
let registry: RegistryServer;
let catalog: string;
const llava = ollamaModel("llava", { sizeBytes: 500_000 });
const notes = ollamaModel("notes", { sizeBytes: 400_000, template: "another" });

beforeAll(async () => {
  sandbox = await makeSandbox();
  hub = await startHub({
    repos: ["demo/voice", "demo/other"].map((id) => ({
      id,
      files: [
        { path: "config.json", content: "{}" },
        { path: "model.safetensors", sizeBytes: 300_000 },
      ],
    })),
  });
  registry = await startRegistry({ storage: true });
  registry.push("library/llava", "7b", llava);
  registry.push("ann/notes", "latest", notes);
  catalog = await sandbox.file(
    "catalog.yaml",
    `schema: 1\nstack: test\ntiers: [{id: 1, name: Critical, required: true}]\nmodels: [{id: voice, repo: demo/voice, tier: 1}]\n`,
  );
  const run = await heros(
    "pull",
    "voice",
    "demo/other",
    named("library/llava:7b"),
    named("ann/notes"),
  );
  expect(run.exitCode, run.stdout).toBe(0);
});

afterAll(async () => {
  await hub.close();
  await registry[Symbol.asyncDispose]();
  await sandbox[Symbol.asyncDispose]();
});

const named = (name: string): string => `ollama:${registry.host}/${name}`;

function heros(...args: string[]): Promise<HerosRun> {
  const cache = ["--cache-dir", join(sandbox.dir, "cache")];
  return sandbox.run([
    ...args,
    "--catalog",
    catalog,
    "--endpoint",
    hub.endpoint,
    ...cache,
    "--json",
  ]);
}

function the<Type extends TimedEvent["type"]>(run: HerosRun, type: Type) {
  const found = run
    .events()
    .find((event): event is Extract<TimedEvent, { type: Type }> => event.type === type);
  if (found === undefined) throw new Error(`no ${type} in ${run.stdout}${run.stderr}`);
  return found;
}

const blobOf = ({ digest }: { digest: string }): string =>
  join(sandbox.home, ".ollama/models/blobs", digest.replace(":", "-"));

test("models ls shows what no catalog has, after what the catalog has, and asks nobody for it", async () => {
  const asked = registry.seen.length;
  const { models } = the(await heros("models", "ls"), "models.listed");
  expect(models.map(({ id, tier, state }) => [id, tier, state])).toEqual([
    ["voice", 1, "here"],
    ["demo/other", 0, "here"],
    [named("ann/notes:latest"), 0, "here"],
    [named("library/llava:7b"), 0, "here"],
  ]);
  expect(models.at(-1)).toMatchObject({ path: join(sandbox.home, ".ollama/models") });
  expect(registry.seen).toHaveLength(asked);
});

test("models ls marks it in words", async () => {
  const run = await sandbox.run([
    "models",
    "ls",
    "--catalog",
    catalog,
    "--cache-dir",
    join(sandbox.dir, "cache"),
  ]);
  expect(run.stdout).toMatch(/^ *demo\/other +other +downloaded, 300 kB +not in the catalog$/m);
});

test("what another program keeps is shown: a branch, a commit without one, and a half model of Ollama's", async () => {
  const root = join(sandbox.dir, "cache/models--acme--thing");
  const commits = ["a", "b"].map((digit) => digit.repeat(40));
  for (const commit of commits) {
    await mkdir(join(root, "snapshots", commit), { recursive: true });
    await writeFile(join(root, "snapshots", commit, "config.json"), "{}");
  }
  await mkdir(join(root, "refs"), { recursive: true });
  await writeFile(join(root, "refs/v1"), commits[0] ?? "");
  await mkdir(join(sandbox.dir, "cache/models--..--etc/snapshots"), { recursive: true });
  const [, weights] = llava.blobs;
  const kept = await readFile(blobOf(weights ?? llava));
  await rm(blobOf(weights ?? llava));
  const { models } = the(await heros("models", "ls"), "models.listed");
  await writeFile(blobOf(weights ?? llava), kept);
  await rm(root, { recursive: true });
  expect(models.map(({ id, state }) => [id, state])).toEqual([
    ["voice", "here"],
    ["acme/thing@v1", "here"],
    [`acme/thing@${commits[1]}`, "here"],
    ["demo/other", "here"],
    [named("ann/notes:latest"), "here"],
    [named("library/llava:7b"), "partly"],
  ]);
});

test("models verify hashes them all, and one by its name", async () => {
  const all = the(await heros("models", "verify"), "verify.finished");
  expect(all).toMatchObject({ damaged: 0 });
  // Two files of each repository; of the Ollama models six each, of which they share two layers.
  expect(all.files).toBe(2 + 2 + 6 + 6 - 2);
  const one = the(await heros("models", "verify", named("library/llava:7b")), "verify.finished");
  expect(one).toMatchObject({ files: 6, damaged: 0 });
});

test("a damaged layer of Ollama's is found by its hash, told as of its model, and repaired", async () => {
  const [, weights] = llava.blobs;
  const file = blobOf(weights ?? llava);
  const sound = await readFile(file);
  await writeFile(file, Buffer.concat([sound.subarray(0, -1), Buffer.from([1])]));
  const run = await heros("models", "verify", named("library/llava:7b"));
  expect(failureOf(run)).toMatchObject({ code: "models.damaged", exitCode: 6 });
  expect(the(run, "file.damaged")).toMatchObject({ file, reason: "hash" });
  const repaired = await heros("models", "repair", named("library/llava:7b"));
  expect(repaired.exitCode, repaired.stdout).toBe(0);
  expect((await readFile(file)).equals(sound)).toBe(true);
  expect(the(repaired, "download.finished").fetchedBytes).toBe(sound.length);
});

test("a layer that is too long is damaged, and one that is gone is missing", async () => {
  const [, weights] = llava.blobs;
  const file = blobOf(weights ?? llava);
  const sound = await readFile(file);
  await appendFile(file, "x");
  const long = the(await heros("models", "verify"), "file.damaged");
  expect(long).toMatchObject({ file, reason: "size" });
  await rm(file);
  expect(the(await heros("models", "verify"), "file.damaged")).toMatchObject({ reason: "missing" });
  await writeFile(file, sound);
});

test("prune leaves other programs' models alone", async () => {
  const run = await heros("models", "prune", "--yes");
  expect(run.exitCode, run.stdout).toBe(0);
  expect(run.events().some(({ type }) => type === "file.removed")).toBe(false);
  expect((await heros("models", "verify")).exitCode).toBe(0);
});

test("a model that nobody has is asked for, and told", async () => {
  expect(failureOf(await heros("models", "verify", named("library/nothing")))).toMatchObject({
    code: "ollama.not_found",
    exitCode: 2,
  });
});
