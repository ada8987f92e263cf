import { createHash } from "node:crypto";
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { ollamaModel, type OllamaModel } from "../source/ollama/models.ts";
import { type RegistryServer, startRegistry } from "../source/oci/registry-server.ts";
import { type HerosRun, makeSandbox, type RunOptions, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;
let registry: RegistryServer;
let models: string;
const llava = ollamaModel("llava");

beforeEach(async () => {
  sandbox = await makeSandbox();
  hub = await startHub({
    repos: [
      { id: "demo/voice", files: [{ path: "model.safetensors", sizeBytes: 700_000 }] },
      {
        id: "demo/other",
        files: [
          { path: "config.json", content: "{}" },
          { path: "onnx/model.onnx", sizeBytes: 900_000 },
        ],
      },
    ],
  });
  registry = await startRegistry({ storage: true });
  registry.push("library/llava", "7b", llava);
  models = join(sandbox.home, ".ollama/models");
});

afterEach(async () => {
  await hub.close();
  await registry[Symbol.asyncDispose]();
  await sandbox[Symbol.asyncDispose]();
});

const named = (name: string): string => `ollama:${registry.host}/${name}`;

async function pull(names: readonly string[], options: RunOptions = {}): Promise<HerosRun> {
  const catalog = await sandbox.file(
    "catalog.yaml",
    `schema: 1\nstack: test\ntiers: [{id: 1, name: Critical, required: true}]\nmodels: [{id: voice, repo: demo/voice, tier: 1}]\n`,
  );
  const where = ["--catalog", catalog, "--endpoint", hub.endpoint, "--json"];
  const cache = ["--cache-dir", join(sandbox.dir, "cache")];
  return sandbox.run(["pull", ...names, ...where, ...cache], options);
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const blobOf = ({ digest }: { digest: string }): string => `blobs/${digest.replace(":", "-")}`;

/** Files below Ollama's folder, without heros' own locks. */
async function filesIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith(".heros/locks"))
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .toSorted((a, b) => a.localeCompare(b));
}

async function expectWhole(folder: string, name: string, of: OllamaModel): Promise<void> {
  const path = `manifests/${registry.host}/${name}`;
  expect((await readFile(join(folder, path))).equals(of.bytes)).toBe(true);
  for (const blob of of.blobs) {
    expect((await readFile(join(folder, blobOf(blob)))).equals(blob.bytes)).toBe(true);
  }
}

function fetched(run: HerosRun): number {
  const found = run.events().find((event) => event.type === "download.finished");
  return found?.type === "download.finished" ? found.fetchedBytes : -1;
}

/** Bytes of blobs that were sent, by digest, as ranges. */
function sentBytes(): number {
  return registry.of("storage").reduce((sum, { range, url }) => {
    const [, start, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    const digest = /([^/]+)\?/.exec(url)?.[1];
    const whole = llava.blobs.find((blob) => blob.digest === digest)?.bytes.length ?? 0;
    return sum + (start === undefined ? whole : Number(last) + 1 - Number(start));
  }, 0);
}

test("a model of Ollama's registry is laid out as ollama lays it out, and is fetched once", async () => {
  const run = await pull([named("library/llava:7b")]);
  expect(run.exitCode, run.stdout).toBe(0);
  expect(await filesIn(models)).toEqual(
    [`manifests/${registry.host}/library/llava/7b`, ...llava.blobs.map(blobOf)].toSorted((a, b) =>
      a.localeCompare(b),
    ),
  );
  await expectWhole(models, "library/llava/7b", llava);
  expect((await stat(join(models, blobOf(llava.blobs[1] ?? llava)))).mode & 0o777).toBe(0o644);
  const bytes = llava.blobs.reduce((sum, blob) => sum + blob.bytes.length, 0);
  expect(fetched(run)).toBe(bytes + llava.bytes.length);
  expect(sentBytes()).toBe(bytes);
  expect(run.events().find(({ type }) => type === "model.ready")).toMatchObject({
    id: named("library/llava:7b"),
    repo: named("library/llava"),
    revision: llava.digest,
    path: models,
  });
  expect(run.events().find(({ type }) => type === "download.planned")).toMatchObject({
    files: 6,
    totalBytes: bytes + llava.bytes.length,
  });
  // The Hub was not needed, and nothing is left in its place.
  expect(await readdir(sandbox.dir)).not.toContain("cache");
  const again = await pull([named("library/llava:7b")]);
  expect(fetched(again)).toBe(0);
  expect(sentBytes()).toBe(bytes);
});

test("models of the catalog, of the Hub and of Ollama are one download", async () => {
  const run = await pull(["voice", named("library/llava:7b"), "demo/other"]);
  expect(run.exitCode, run.stdout).toBe(0);
  const events = run.events();
  expect(events.filter(({ type }) => type === "download.planned")).toHaveLength(1);
  expect(events.find(({ type }) => type === "download.planned")).toMatchObject({ files: 9 });
  const ready = events.flatMap((event) => (event.type === "model.ready" ? [event.id] : []));
  expect(ready.toSorted()).toEqual(["demo/other", named("library/llava:7b"), "voice"].toSorted());
  const progress = events.findLast((event) => event.type === "download.progress");
  expect(progress).toMatchObject({
    models: [{ state: "ready" }, { state: "ready" }, { state: "ready" }],
  });
  await expectWhole(models, "library/llava/7b", llava);
  const snapshot = join(
    sandbox.dir,
    "cache/models--demo--other/snapshots",
    hub.commit("demo/other"),
  );
  expect((await readdir(snapshot)).toSorted()).toEqual(["config.json", "onnx"]);
});

test("blobs that ollama has are not fetched, whatever model they are of", async () => {
  const [, weights] = llava.blobs;
  if (weights === undefined) throw new Error("no weights");
  await mkdir(join(models, "blobs"), { recursive: true });
  await writeFile(join(models, blobOf(weights)), weights.bytes);
  const run = await pull([named("library/llava:7b")]);
  expect(run.exitCode, run.stdout).toBe(0);
  expect(sentBytes()).toBe(
    llava.blobs.reduce((sum, blob) => sum + blob.bytes.length, 0) - weights.bytes.length,
  );
});

test("two models that share layers fetch them once", async () => {
  const other = ollamaModel("other", { sizeBytes: 300_000 });
  registry.push("ann/notes", "latest", other);
  const run = await pull([named("library/llava:7b"), named("ann/notes")]);
  expect(run.exitCode, run.stdout).toBe(0);
  await expectWhole(models, "library/llava/7b", llava);
  await expectWhole(models, "ann/notes/latest", other);
  const shared = llava.blobs.filter(({ digest }) =>
    other.blobs.some((blob) => blob.digest === digest),
  );
  expect(shared).toHaveLength(3);
  for (const { digest } of shared) {
    expect(registry.of("storage").filter(({ url }) => url.includes(digest))).toHaveLength(1);
  }
});

test("OLLAMA_MODELS says where ollama reads, and a tag that moved gets its new manifest", async () => {
  const folder = join(sandbox.dir, "own");
  const env = { OLLAMA_MODELS: folder };
  expect((await pull([named("library/llava:7b")], { env })).exitCode).toBe(0);
  const next = ollamaModel("next", { sizeBytes: 400_000 });
  registry.push("library/llava", "7b", next);
  expect((await pull([named("library/llava:7b")], { env })).exitCode).toBe(0);
  await expectWhole(folder, "library/llava/7b", next);
});

test("killed with kill -9 again and again, it goes on from what it has, and the model appears whole", async () => {
  const large = ollamaModel("large", { sizeBytes: 12_000_000 });
  registry.push("library/large", "1", large);
  const name = named("library/large:1");
  const folder = join(models, `manifests/${registry.host}`);
  const before = (): number => registry.of("storage").length;
  let kills = 0;
  for (const share of [0.2, 0.6]) {
    const asked = before();
    const run = await pull([name, "--limit-rate", "8M"], {
      onOutput(text, kill) {
        const reached = /"type":"download.progress","receivedBytes":(\d+)/.exec(text)?.[1];
        if (Number(reached ?? 0) >= share * 12_000_000) kill("SIGKILL");
      },
    });
    expect(run.exitCode).toBeNull();
    expect(before()).toBeGreaterThan(asked);
    kills += 1;
    expect(await readdir(folder).catch(() => null)).toBeNull();
    expect((await readdir(join(models, "blobs")).catch(() => [])).length).toBe(0);
  }
  expect(kills).toBe(2);
  const last = await pull([name]);
  expect(last.exitCode, last.stdout).toBe(0);
  const planned = last.events().find((event) => event.type === "download.planned");
  const held =
    planned?.type === "download.planned" ? planned.resumedBytes + planned.cachedBytes : 0;
  expect(held).toBeGreaterThan(0.5 * 12_000_000);
  expect(fetched(last)).toBe(
    (planned?.type === "download.planned" ? planned.totalBytes : 0) - held,
  );
  await expectWhole(models, "library/large/1", large);
  expect(await filesIn(models)).toHaveLength(1 + large.blobs.length);
});

test("what ollama pull left half done is gone on with", async () => {
  const large = ollamaModel("large", { sizeBytes: 6_000_000 });
  registry.push("library/large", "1", large);
  const [, weights] = large.blobs;
  if (weights === undefined) throw new Error("no weights");
  const partial = join(models, `${blobOf(weights)}-partial`);
  await mkdir(join(models, "blobs"), { recursive: true });
  const content = Buffer.alloc(weights.bytes.length);
  weights.bytes.copy(content, 0, 0, 2_000_000);
  weights.bytes.copy(content, 3_000_000, 3_000_000, 4_500_000);
  await writeFile(partial, content);
  const part = (n: number, start: number, size: number, done: number) =>
    writeFile(
      `${partial}-${n}`,
      `{"N":${n},"Offset":${start},"Size":${size},"Completed":${done}}\n`,
    );
  await part(0, 0, 3_000_000, 2_000_000);
  await part(1, 3_000_000, 3_000_000, 1_500_000);
  const run = await pull([named("library/large:1")]);
  expect(run.exitCode, run.stdout).toBe(0);
  const all = large.blobs.reduce((sum, blob) => sum + blob.bytes.length, large.bytes.length);
  expect(fetched(run)).toBe(all - 3_500_000);
  await expectWhole(models, "library/large/1", large);
  expect(await filesIn(models)).toHaveLength(1 + large.blobs.length);
});

test("what ollama left and is wrong is fetched again until it is right", async () => {
  const large = ollamaModel("large", { sizeBytes: 3_000_000 });
  registry.push("library/large", "1", large);
  const [, weights] = large.blobs;
  if (weights === undefined) throw new Error("no weights");
  const partial = join(models, `${blobOf(weights)}-partial`);
  await mkdir(join(models, "blobs"), { recursive: true });
  await writeFile(partial, Buffer.alloc(3_000_000, 7));
  await writeFile(`${partial}-0`, `{"N":0,"Offset":0,"Size":3000000,"Completed":2500000}\n`);
  const run = await pull([named("library/large:1")]);
  expect(run.exitCode, run.stdout).toBe(0);
  await expectWhole(models, "library/large/1", large);
});

test("a registry that is down is no reason to stop where the model is there", async () => {
  expect((await pull([named("library/llava:7b")])).exitCode).toBe(0);
  const name = named("library/llava:7b");
  await registry[Symbol.asyncDispose]();
  const run = await pull([name]);
  expect(run.exitCode, run.stdout).toBe(0);
  expect(run.events().find(({ type }) => type === "notice")).toMatchObject({
    code: "hub.cache_used",
    message: expect.stringContaining("library/llava:7b as cached") as string,
  });
  registry = await startRegistry();
});

test.each([
  ["library/llava:9b", "ollama.not_found", 2, /has no model .*llava:9b: the model has no such tag/],
  ["library/nothing", "ollama.not_found", 2, /or it is private/],
])("%s is not there, and is told as a model", async (name, code, exitCode, message) => {
  const failure = failureOf(await pull([named(name)]));
  expect(failure).toMatchObject({ code, exitCode });
  expect(failure.message).toMatch(message);
  expect(failure.message + failure.hint).not.toMatch(/compose|image/);
});

test("a bad name ends with 2 before anything is asked", async () => {
  const failure = failureOf(await pull(["ollama:../etc/passwd"]));
  expect(failure).toMatchObject({ code: "ollama.bad_name", exitCode: 2 });
  expect(registry.seen).toEqual([]);
});

test("a folder that is somebody else's is said, with what to do, and other models are downloaded", async () => {
  const folder = join(sandbox.dir, "system/models");
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o555);
  const env = { OLLAMA_MODELS: folder };
  const asRoot = process.getuid?.() === 0;
  if (asRoot) {
    await rm(folder, { recursive: true });
    await writeFile(folder, "a file in its place");
  }
  const run = await pull(["voice", named("library/llava:7b")], { env });
  expect(failureOf(run)).toMatchObject({ code: "ollama.not_writable", exitCode: 1 });
  expect(run.events().some(({ type }) => type === "model.ready")).toBe(true);
});

test("a relative OLLAMA_MODELS is refused, and nothing is written elsewhere", async () => {
  const env = { OLLAMA_MODELS: "rel/path" };
  const runs = [await pull([named("library/llava:7b")], { env })];
  runs.push(await sandbox.run(["models", "ls", "--json"], { env }));
  for (const run of runs) {
    const failure = failureOf(run);
    expect(failure).toMatchObject({ code: "settings.bad_value", exitCode: 2 });
    expect(failure.message).toContain("OLLAMA_MODELS");
  }
  expect(await readdir(sandbox.home)).not.toContain(".ollama");
  const pulled = await pull(["voice"], { env });
  expect(pulled.exitCode, pulled.stdout).toBe(0);
});

test("a link that leads nowhere is said to be in the way of Ollama's models, before any byte", async () => {
  const link = join(sandbox.home, ".ollama");
  await symlink(join(sandbox.dir, "not-mounted"), link);
  const run = await pull([named("library/llava:7b")]);
  const failure = failureOf(run);
  expect(failure).toMatchObject({ code: "ollama.broken_link", exitCode: 1 });
  expect(failure.message).toContain(link);
  expect(failure.hint).toContain("OLLAMA_MODELS");
  expect(run.events().some(({ type }) => type === "download.planned")).toBe(false);
});

test.runIf(process.getuid?.() === 0)(
  "what root downloads into somebody else's folder is theirs",
  async () => {
    const folder = join(sandbox.dir, "system");
    await mkdir(folder);
    await chown(folder, 1234, 1235);
    const run = await pull([named("library/llava:7b")], { env: { OLLAMA_MODELS: folder } });
    expect(run.exitCode, run.stdout).toBe(0);
    const found = await readdir(folder, { recursive: true });
    for (const path of found.filter((each) => /^(?:blobs|manifests)/.test(each))) {
      expect(await stat(join(folder, path)), path).toMatchObject({ uid: 1234, gid: 1235 });
    }
  },
);

test("an unknown repository of the Hub is told as the Hub's", async () => {
  expect(failureOf(await pull(["demo/nothing"]))).toMatchObject({
    code: "hub.repo_not_found",
    exitCode: 2,
  });
  expect(failureOf(await pull(["demo/other@v9"]))).toMatchObject({
    code: "hub.revision_not_found",
    exitCode: 2,
  });
});

test("a blob that was cut short is not taken for one that is there", async () => {
  expect((await pull([named("library/llava:7b")])).exitCode).toBe(0);
  const [, weights] = llava.blobs;
  await truncate(join(models, blobOf(weights ?? llava)), 1000);
  expect((await pull([named("library/llava:7b")])).exitCode).toBe(0);
  expect(sha256(await readFile(join(models, blobOf(weights ?? llava))))).toBe(
    weights?.digest.replace("sha256:", ""),
  );
});

test("a catalog can pin a model by its digest: another one ends with 6 before a byte of it is fetched", async () => {
  const catalog = (digest: string) =>
    sandbox.file(
      "pinned.yaml",
      `schema: 2\nstack: { id: test }\ngroups: [{ id: all, required: true }]\nmodels:\n  - { id: llava, group: all, source: "${named("library/llava:7b")}", digest: "${digest}" }\n`,
    );
  const run = async (digest: string) =>
    sandbox.run(["pull", "--catalog", await catalog(digest), "--json"]);
  const moved = await run(`sha256:${"a".repeat(64)}`);
  expect(failureOf(moved)).toMatchObject({ code: "models.digest_differs", exitCode: 6 });
  expect(await filesIn(models).catch(() => [])).toEqual([]);
  expect((await run(llava.digest)).exitCode).toBe(0);
});
