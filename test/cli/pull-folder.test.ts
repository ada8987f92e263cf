import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { serveFolder } from "../source/folder/file-server.ts";
import { startGuardedHub } from "../source/hub/guarded-net.ts";
import { ollamaModel } from "../source/ollama/models.ts";
import { startRegistry } from "../source/oci/registry-server.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

const commit = "1".repeat(40);
const weights = Buffer.alloc(300_000, "weights ");
/** Nobody answers there. */
const nowhere = "http://127.0.0.1:9";
let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

/** A folder as heros fills it. @returns its path */
async function fill(name: string, repos: readonly string[], content = weights): Promise<string> {
  const hex = createHash("sha256").update(weights).digest("hex");
  const files = [{ path: "model.safetensors", size: weights.length, sha256: hex }];
  const models = repos.map((repo) => ({ repo, revision: "main", commit, files }));
  await sandbox.file(`${name}/heros-manifest.json`, JSON.stringify({ schema: 1, models }));
  for (const repo of repos) {
    const path = join(sandbox.dir, name, repo, commit, "model.safetensors");
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return join(sandbox.dir, name);
}

const oneModel = `schema: 1\nstack: test\ntiers: [{id: 1, name: Critical, required: true}]\nmodels: [{id: voice, repo: demo/voice, tier: 1}]\n`;
const catalogOf = (...models: string[]) =>
  `schema: 2\nstack: {id: test}\ngroups: [{id: main, required: true}]\nmodels:\n${models.map((model) => `  - {group: main, ${model}}\n`).join("")}`;

async function run(args: readonly string[], catalog = oneModel, env: Record<string, string> = {}) {
  const file = await sandbox.file("catalog.yaml", catalog);
  const where = ["--catalog", file, "--cache-dir", join(sandbox.dir, "cache"), "--json"];
  const endpoint = args.includes("--endpoint") ? [] : ["--endpoint", nowhere];
  return sandbox.run([...args, ...endpoint, ...where], { env });
}
const file = (repo: string) =>
  readFile(join(sandbox.dir, `cache/models--demo--${repo}/snapshots/${commit}/model.safetensors`));

test.each(["path", "file", "web"])(
  "heros pull brings all models of a folder (%s) into the Hub cache, and again has nothing to do",
  async (way) => {
    const folder = await fill("my models", ["demo/voice", "demo/extra"]);
    await using server = await serveFolder(folder);
    const address = { path: "./my models", file: `file://${encodeURI(folder)}`, web: server.url };
    const args = ["pull", address[way as "web"]];
    const first = await run(args);
    expect(first.exitCode, first.stdout).toBe(0);
    expect(await file("voice")).toEqual(weights);
    expect(await file("extra")).toEqual(weights);
    const again = await run(args);
    expect(again.events().find(({ type }) => type === "download.planned")).toMatchObject({
      cachedBytes: 600_000,
    });
  },
);

test("a folder of this machine needs no network, and one of its models may be meant", async () => {
  const folder = await fill("usb", ["demo/voice", "demo/extra"]);
  const args = ["pull", `file://${folder}#demo/extra`];
  expect((await run(args, oneModel, { HF_HUB_OFFLINE: "1" })).exitCode).toBe(0);
  expect(await file("extra")).toEqual(weights);
  await expect(file("voice")).rejects.toThrow("ENOENT");
  const unknown = await run(["pull", `file://${folder}#demo/none`]);
  expect(failureOf(unknown)).toMatchObject({ code: "folder.model_not_found", exitCode: 2 });
});

test("a folder, a web server, Ollama's registry and the Hub in one pull", async () => {
  const disk = await fill("disk", ["demo/voice"]);
  await using server = await serveFolder(await fill("site", ["demo/extra"]));
  await using registry = await startRegistry({ storage: true });
  registry.push("library/llava", "7b", ollamaModel("llava"));
  const hub: EmbeddedHub = await startHub({
    repos: [{ id: "demo/hub", files: [{ path: "a", content: "a" }] }],
  });
  try {
    const names = [`file://${disk}`, server.url, `ollama:${registry.host}/library/llava:7b`];
    const pulled = await run(["pull", ...names, "demo/hub", "--endpoint", hub.endpoint]);
    expect(pulled.exitCode, pulled.stdout).toBe(0);
    expect(await file("voice")).toEqual(weights);
    expect(await file("extra")).toEqual(weights);
    const ready = pulled.events().filter(({ type }) => type === "model.ready");
    expect(ready).toHaveLength(4);
    expect(pulled.events().filter(({ type }) => type === "download.finished")).toHaveLength(1);
    expect(hub.requests.some(({ url }) => /voice|extra/u.test(url))).toBe(false);
    expect(server.asked.some(({ path }) => /voice|hub/u.test(path))).toBe(false);
  } finally {
    await hub.close();
  }
});

test("of one repository, a folder has one revision and the Hub another", async () => {
  const disk = await fill("disk", ["demo/voice"]);
  const files = [{ path: "model.safetensors", content: "v2" }];
  const hub = await startHub({ repos: [{ id: "demo/voice", branch: "v2", files }] });
  try {
    const names = [`file://${disk}`, "demo/voice@v2"];
    const pulled = await run(["pull", ...names, "--endpoint", hub.endpoint]);
    expect(pulled.exitCode, pulled.stdout).toBe(0);
    expect(await file("voice")).toEqual(weights);
    const other = `cache/models--demo--voice/snapshots/${hub.commit("demo/voice", "v2")}`;
    const path = join(sandbox.dir, other, "model.safetensors");
    expect(await readFile(path, "utf8")).toBe("v2");
    expect(hub.requests.some(({ url }) => /main|1{40}/u.test(url))).toBe(false);
  } finally {
    await hub.close();
  }
});

test("a catalog's models come from the places that it names", async () => {
  const disk = await fill("disk", ["demo/voice", "demo/part"]);
  await using server = await serveFolder(await fill("site", ["demo/extra", "demo/unwanted"]));
  const hub = await startHub({
    repos: [{ id: "demo/hub", files: [{ path: "a", content: "a" }] }],
  });
  try {
    const catalog = catalogOf(
      `id: voice, repo: demo/voice, source: "file://${disk}", also: [{repo: demo/part}]`,
      `id: extra, repo: demo/extra, source: "${server.url}"`,
      `id: hub, repo: demo/hub`,
    );
    const pulled = await run(["pull", "--all", "--endpoint", hub.endpoint], catalog);
    expect(pulled.exitCode, pulled.stdout).toBe(0);
    for (const repo of ["voice", "part", "extra"]) expect(await file(repo)).toEqual(weights);
    expect(hub.requests.some(({ url }) => /voice|extra|part/u.test(url))).toBe(false);
    await expect(file("unwanted")).rejects.toThrow("ENOENT");

    for (const args of [
      ["models", "ls"],
      ["models", "update", "--dry-run"],
    ]) {
      const told = await run([...args, "--endpoint", hub.endpoint], catalog);
      expect(told.exitCode, told.stdout).toBe(0);
    }
    expect(hub.requests.some(({ url }) => /voice|extra|part/u.test(url))).toBe(false);
  } finally {
    await hub.close();
  }
});

test("setup plans a catalog's models from the places that it names", async () => {
  const disk = await fill("disk", ["demo/voice"]);
  const catalog = catalogOf(`id: voice, repo: demo/voice, source: "file://${disk}"`);
  await sandbox.file("compose.yml", "services: {web: {image: nginx}}\n");
  const stack = catalog.replace(
    "{id: test}",
    "{id: test, base: ./compose.yml, service: web, services: {web: {}}, port: {variable: P, usual: 9000, inside: 80}}",
  );
  const args = ["setup", "--dry-run", "--yes", "--allow-unsupported"];
  const planned = await run(args, stack);
  const plan = planned.events().find(({ type }) => type === "plan.ready");
  expect(plan, planned.stdout).toMatchObject({ totalBytes: weights.length });
});

test("a server that asks to be left alone for a while is waited for by its name", async () => {
  let count = 0;
  await using server = await serveFolder(await fill("site", ["demo/voice"]), {
    fault(_asked, response) {
      count += 1;
      if (count > 1) return false;
      response.writeHead(503, { "retry-after": "1" }).end();
      return true;
    },
  });
  const pulled = await run(["pull", server.url]);
  expect(pulled.exitCode, pulled.stdout).toBe(0);
  const waits = pulled.events().filter(({ type }) => type === "registry.waiting");
  expect(waits).toMatchObject([{ registry: server.url, reason: "status 503" }]);
});

test("a content that the list does not promise ends with 6, and has no name", async () => {
  const folder = await fill("usb", ["demo/voice"], Buffer.alloc(weights.length, "liar"));
  const failed = await run(["pull", `file://${folder}`]);
  expect(failureOf(failed)).toMatchObject({ exitCode: 6 });
  const kept = await readdir(join(sandbox.dir, "cache"), { recursive: true });
  expect(kept.filter((name) => /^models--.*(?:blobs|snapshots)\/./u.test(name))).toEqual([]);
});

/** All that heros wrote for itself. */
async function ownFiles(): Promise<string> {
  const names = await readdir(sandbox.home, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile());
  const texts = files.map(({ parentPath, name }) => readFile(join(parentPath, name), "utf8"));
  return (await Promise.all(texts)).join("\n");
}

test.each([
  { args: ["pull", "https://me:hunter2@models.example/x/"] },
  { args: ["pull", "https://models.example/x/?sig=hunter2", "voice"] },
  { args: ["models", "verify", "https://me:hunter2@models.example/x/"] },
  { args: ["models", "push", "https://me:hunter2@models.example/x/"] },
])("heros $args is refused and its secret is written nowhere", async ({ args }) => {
  const failed = await run(args);
  expect(failureOf(failed)).toMatchObject({ code: "folder.bad_name", exitCode: 2 });
  expect(failed.stdout + failed.stderr + (await ownFiles())).not.toContain("hunter2");
});

test.each([
  "https://me:hunter2@models.example/x/",
  "https://models.example/x/?sig=hunter2",
  "s3://me:hunter2@models/x",
  "file:///mnt/x#demo/voice",
])("a catalog with the source %s is refused", async (source) => {
  const catalog = catalogOf(`id: voice, repo: demo/voice, source: "${source}"`);
  for (const args of [["pull"], ["catalog", "check", join(sandbox.dir, "catalog.yaml")]]) {
    await sandbox.file("catalog.yaml", catalog);
    const failed =
      args[0] === "pull" ? await run(args, catalog) : await sandbox.run([...args, "--json"]);
    expect(failureOf(failed)).toMatchObject({ exitCode: 2 });
    expect(failed.stdout + failed.stderr + (await ownFiles())).not.toContain("hunter2");
  }
});

test.each([
  { name: "./nowhere", code: "folder.not_found" },
  { name: "https://huggingface.co/demo/voice", code: "folder.of_hub" },
  { name: "file:models", code: "folder.bad_name" },
])("heros pull $name ends with 2 and $code", async ({ name, code }) => {
  expect(failureOf(await run(["pull", name]))).toMatchObject({ code, exitCode: 2 });
});

test("an https server is only trusted by its certificate", async () => {
  await using net = await startGuardedHub(sandbox.dir, { repos: [] });
  const unknown = await run(["pull", net.localEndpoint]);
  expect(failureOf(unknown)).toMatchObject({ code: "folder.tls", exitCode: 5 });
  const trusted = { NODE_EXTRA_CA_CERTS: net.certificate };
  const known = await run(["pull", net.localEndpoint], oneModel, trusted);
  expect(failureOf(known)).toMatchObject({ code: "folder.no_manifest", exitCode: 2 });
});

test("a folder without a list", async () => {
  const folder = await fill("usb", ["demo/voice"]);
  await rm(join(folder, "heros-manifest.json"));
  expect(failureOf(await run(["pull", folder]))).toMatchObject({ code: "folder.no_manifest" });
});
