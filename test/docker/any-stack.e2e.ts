import { workerModels } from "../rma-demo.ts";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { parseCatalog } from "../../src/catalog/load.ts";
import type { Catalog } from "../../src/catalog/catalog.ts";
import { reposForCatalog } from "../../src/demo/hub/catalog-repos.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { freePort } from "../host/free-port.ts";
import { ollamaModel } from "../source/ollama/models.ts";
import { type RegistryServer, startRegistry } from "../source/oci/registry-server.ts";
import { docker, type HerosRun, ofType, startHeros } from "./run-heros.ts";

const assets = new URL("../../assets/", import.meta.url);

interface World {
  readonly folder: string;
  readonly stackDir: string;
  readonly catalog: Catalog;
  readonly hub: EmbeddedHub;
  readonly registry: RegistryServer;
  heros(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<HerosRun>;
}

/**
 * A machine with a Hub and an Ollama registry of its own, and the catalog of a stack as it ships, but for where Ollama's
 * models are: names and files are the real ones, sizes are scaled down.
 */
async function openWorld(name: string): Promise<World> {
  const folder = await mkdtemp(path.join(tmpdir(), `heros-${name}-`));
  const registry = await startRegistry({ storage: true });
  const text = (await readFile(new URL(`catalogs/${name}.yaml`, assets), "utf8"))
    .replaceAll(
      /ollama:([a-z][\w.-]*(?::[\w.-]+)?)/g,
      (_all, model: string) => `ollama:${registry.host}/library/${model}`,
    )
    .replace(/^(\s+base: )([\w.-]+\.yml)$/mu, "$1./$2");
  const file = path.join(folder, "catalog.yaml");
  await writeFile(file, text);
  const catalog = parseCatalog(text, file);
  const compose = `${name}.yml`;
  await writeFile(
    path.join(folder, compose),
    await readFile(new URL(`compose/${compose}`, assets)),
  );
  for (const { parts, variants } of catalog.models) {
    for (const part of [parts, ...variants.map((variant) => variant.parts)].flat()) {
      const [, model] = /^ollama:[^/]+\/(.+)$/u.exec(part.repo) ?? [];
      if (model === undefined) continue;
      registry.push(model, part.revision, ollamaModel(`${model}:${part.revision}`));
    }
  }
  const ofHub = catalog.models.map((model) => ({
    ...model,
    parts: model.parts.filter(({ repo }) => !repo.startsWith("ollama:")),
  }));
  const hub = await startHub({
    repos: reposForCatalog({ ...catalog, models: ofHub as never }, { scale: 0.004 }),
    throttle: { bytesPerSecond: 50_000_000 },
  });
  const stackDir = path.join(folder, catalog.stack.id);
  await mkdir(path.join(folder, "home"));
  onTestFinished(async () => {
    await docker(["compose", "down", "--volumes", "--timeout", "1"], stackDir).catch(() => "");
    await hub.close();
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  const usual = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: path.join(folder, "home"),
    DOCKER_HOST: process.env["DOCKER_HOST"] ?? "",
    DOCKER_CONFIG: process.env["DOCKER_CONFIG"] ?? "",
  };
  return {
    folder,
    stackDir,
    catalog,
    hub,
    registry,
    heros: (args, env = {}) =>
      startHeros({
        args: [
          ...args,
          ...(args[0] === "status" ? [] : ["--catalog", file, "--endpoint", hub.endpoint]),
          "--json",
        ],
        env: { ...usual, ...env },
      }).ended,
  };
}

async function setUp(
  { heros, stackDir }: World,
  { port, groups, more = [] }: { port: number; groups: string; more?: readonly string[] },
): Promise<HerosRun> {
  const where = [`--stack-dir=${stackDir}`, `--port=${port}`, "--storage=stack-dir"];
  return heros(["setup", "--yes", "--allow-unsupported", "--group", groups, ...where, ...more]);
}

const capabilitiesOf = (run: HerosRun): string[] =>
  ofType(run, "capability.ready")
    .map(({ name }) => name)
    .toSorted();

test("Open WebUI comes online with models of Ollama's and of the Hub in one download, and a second run changes nothing", async () => {
  const world = await openWorld("open-webui");
  const port = await freePort();
  const chosen = { port, groups: "chat,listen,think", more: ["--startup=progressive"] };
  const run = await setUp(world, chosen);
  expect(run.events.at(-1)).toMatchObject({ type: "run.succeeded" });
  expect(ofType(run, "annie.online")).toMatchObject([{ url: `http://127.0.0.1:${port}` }]);
  expect(capabilitiesOf(run)).toEqual(["chat", "deep_thought", "listening"]);
  const ready = ofType(run, "model.ready").map(({ repo }) => repo.split("/").at(-1) ?? "");
  expect(ready.toSorted()).toEqual(["faster-whisper-small", "gpt-oss", "llama3.2"]);

  const models = path.join(world.stackDir, "models");
  expect((await readdir(models)).filter((name) => /^[a-z]/u.test(name)).toSorted()).toEqual([
    "models--Systran--faster-whisper-small",
    "ollama",
  ]);
  const file = path.join(world.stackDir, "docker-compose.heros.yml");
  const ours: unknown = parse(await readFile(file, "utf8"));
  expect(ours).toMatchObject({
    services: {
      ollama: {
        environment: { OLLAMA_NOPRUNE: "1" },
        volumes: [{ source: path.join(models, "ollama"), target: "/root/.ollama/models" }],
      },
      speaches: { volumes: [{ source: models, read_only: true }] },
    },
  });
  const env = await readFile(path.join(world.stackDir, ".env"), "utf8");
  expect(env).toMatch(/^WEBUI_SECRET_KEY=[0-9a-f]{48}$/mu);
  expect(run.stdout + run.stderr).not.toContain(/^WEBUI_SECRET_KEY=(.*)$/mu.exec(env)?.[1]);

  const again = await setUp(world, chosen);
  expect(again.exitCode).toBe(0);
  expect(ofType(again, "file.written").every(({ action }) => action === "unchanged")).toBe(true);
  expect(ofType(again, "download.finished")).toMatchObject([{ fetchedBytes: 0 }]);

  // Of which catalog it is, the setup has remembered.
  const status = await world.heros(["status"]);
  expect(ofType(status, "status.read")).toMatchObject([{ annie: "online", lacking: [] }]);
});

test("RMA-demo comes online once its workers are registered, each with a warm-up of its own", async () => {
  const world = await openWorld("rma-demo");
  const port = await freePort();
  const run = await setUp(world, {
    port,
    groups: "cpu-worker,embedding",
    more: ["--startup=progressive"],
  });
  expect(run.events.at(-1)).toMatchObject({ type: "run.succeeded" });
  expect(capabilitiesOf(run)).toEqual(["light_generation", "text_embedding"]);
  const workers: unknown = await (await fetch(`http://127.0.0.1:${port}/workers`)).json();
  expect(workers).toEqual({
    workers: { "cpu-worker": { status: "registered" }, embedding: { status: "registered" } },
  });
  // Workers that were not chosen do not run.
  const running = await docker(["compose", "ps", "--services"], world.stackDir);
  expect(running.trim().split("\n").toSorted()).toEqual([
    "coordinator",
    "cpu-worker",
    "embedding-service",
  ]);
  const container = await docker(
    ["compose", "exec", "-T", "cpu-worker", "ls", "/models/ollama"],
    world.stackDir,
  );
  expect(container.split(/\s+/)).toEqual(expect.arrayContaining(["blobs", "manifests"]));
});

/** The blocks of code of a page, by their language, in its order. */
function blocksOf(page: string, language: string): string[] {
  const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gmu)];
  return blocks.flatMap(([, of, code = ""]) => (of === language ? [code] : []));
}

test("docs/catalog.md, followed to the letter in an empty folder, ends with the reader's own stack running", async () => {
  const page = await readFile(new URL("../../docs/catalog.md", import.meta.url), "utf8");
  const folder = await mkdtemp(path.join(tmpdir(), "heros-tutorial-"));
  const home = path.join(folder, "home");
  const [compose = "", catalog = ""] = blocksOf(page, "yaml");
  await mkdir(path.join(folder, "bin"));
  await mkdir(home);
  await writeFile(path.join(folder, "compose.yml"), compose);
  await writeFile(path.join(folder, "my-llm.yaml"), catalog);
  const program = new URL("../../bin/heros.js", import.meta.url).pathname;
  const heros = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`;
  await writeFile(path.join(folder, "bin/heros"), heros, { mode: 0o755 });
  const hub = await startHub({
    repos: reposForCatalog(parseCatalog(catalog, "my-llm.yaml"), { scale: 0.01 }),
  });
  onTestFinished(async () => {
    await docker(
      ["compose", "down", "--volumes", "--timeout", "1"],
      path.join(home, "my-llm"),
    ).catch(() => "");
    await hub.close();
    await rm(folder, { recursive: true, force: true });
  });
  const { DOCKER_HOST = "", DOCKER_CONFIG = "", PATH = "" } = process.env;
  // A test machine is no DGX Spark, and its Hub is on loopback.
  const env = {
    DOCKER_HOST,
    DOCKER_CONFIG,
    HOME: home,
    PATH: `${folder}/bin:${PATH}`,
    HF_ENDPOINT: hub.endpoint,
    HEROS_ALLOW_UNSUPPORTED: "yes",
  };
  const said: string[] = [];
  for (const line of blocksOf(page, "sh")
    .join("")
    .split("\n")
    .filter((each) => each !== "")) {
    said.push((await promisify(execFile)("sh", ["-c", line], { cwd: folder, env })).stdout);
  }
  const [checked, planned, done, listed, status] = said;
  expect(checked).toContain("my-llm.yaml is valid: My LLM, with 1 service, 1 set and 1 model.");
  expect(planned).toContain("This was a dry run");
  expect(done).toContain("My LLM is online");
  expect(JSON.parse(listed ?? "")).toEqual({ data: [{ id: "Qwen/Qwen3-0.6B" }] });
  expect(status).toContain("My LLM is online");
});

test("a worker that this machine can't run is explained, and nothing is written", async () => {
  const world = await openWorld("rma-demo");
  const run = await setUp(world, { port: await freePort(), groups: "gpu-worker" });
  expect(run.events.at(-1)).toMatchObject({
    type: "run.failed",
    code: "groups.too_much",
    exitCode: 4,
    message: "GPU worker needs a GPU with 8 GiB of memory; no GPU was found here.",
    hint: "Choose what fits: --group cpu-worker,embedding.",
  });
  await expect(readdir(world.stackDir)).rejects.toMatchObject({ code: "ENOENT" });
});

test.each(workerModels)("heros pull --group %s fetches exactly %j", async (type, ids) => {
  const world = await openWorld("rma-demo");
  const run = await world.heros(["pull", "--group", type, `--cache-dir=${world.folder}/hub`]);
  expect(run.events.at(-1)).toMatchObject({ type: "run.succeeded" });
  expect(
    ofType(run, "model.ready")
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(ids.toSorted());
});
