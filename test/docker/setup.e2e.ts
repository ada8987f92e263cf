import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import { reposForCatalog } from "../../src/demo/hub/catalog-repos.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { freePort } from "../host/free-port.ts";
import { photograph } from "../deploy/compose/fixtures.ts";
import { findLeaks, passwordsOf, type Secrets, watchProcesses } from "./leaks.ts";
import { docker, type HerosRun, ofType, runHeros } from "./run-heros.ts";

const token = "hf_endToEndTestToken0123456789";
const catalogFile = fileURLToPath(new URL("../../assets/catalogs/her-os.yaml", import.meta.url));

let folder: string;
let stackDir: string;
let cacheDir: string;
let hub: EmbeddedHub;
let port: number;
/** Known from the first setup on. */
let secrets: Secrets = { token };
let seenInProcesses: ReturnType<typeof watchProcesses>;
/** Of every run of heros, and of docker compose. */
const outputs: Record<string, string> = {};

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "heros-e2e-"));
  stackDir = path.join(folder, "home", "her-os");
  cacheDir = path.join(folder, "models", "hub");
  const catalog = parseCatalog(await readFile(catalogFile, "utf8"), catalogFile);
  // 4 MB a GB: 82 MB in all.
  hub = await startHub({
    repos: reposForCatalog(catalog, { scale: 0.004 }),
    tokens: { [token]: "tester" },
  });
  port = await freePort();
  seenInProcesses = watchProcesses(() => secrets);
});

afterAll(async () => {
  await docker(["compose", "down", "--volumes", "--timeout", "2"], stackDir).catch(() => "");
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

test("on a bare machine, heros brings Annie online on models that it fetched into her mounted cache", async () => {
  // What she does not need at first hardly moves until she is online.
  const first = new Set(["gliner-medium-v2.1", "qwen3-embedding-0.6b"]);
  const run = await setup((event) => {
    if (event.type === "model.ready" && first.delete(event.id) && first.size === 0) {
      hub.setThrottle({ bytesPerSecond: 300_000 });
    }
    if (event.type === "annie.online") hub.setThrottle({});
  });
  say(await docker(["ps", "--format", "table {{.Names}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}"]));

  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.events.at(-1)).toMatchObject({ type: "run.succeeded" });
  expect(written(run)).toEqual({
    "secrets/hf_token": "created",
    "docker-compose.yml": "created",
    "docker-compose.heros.yml": "created",
    ".env": "created",
  });
  expect(
    ofType(run, "model.ready")
      .map((event) => event.id)
      .toSorted(),
  ).toEqual([
    "gliner-medium-v2.1",
    "qwen3-embedding-0.6b",
    "qwen3-embedding-8b",
    "whisper-large-v3",
  ]);
  expect(ofType(run, "annie.online")).toHaveLength(1);
  expect(
    ofType(run, "capability.ready")
      .map((event) => event.name)
      .toSorted(),
  ).toEqual(["batch_embedding", "memory_search", "voice_stt"]);
  expect(ofType(run, "container.changed")).toContainEqual(
    expect.objectContaining({ service: "postgres", state: "healthy" }),
  );
  // Annie was up before the last model was: she found the models as they came.
  const online = ofType(run, "annie.online")[0]?.at ?? Number.POSITIVE_INFINITY;
  expect(online).toBeLessThan(ofType(run, "model.ready").at(-1)?.at ?? 0);

  const health = (await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as object;
  expect(health).toMatchObject({ status: "healthy", capabilities: { batch_embedding: true } });
});

test("the whole of each model is in the cache, under its real name", async () => {
  const snapshot = path.join(
    cacheDir,
    "models--openai--whisper-large-v3/snapshots",
    hub.commit("openai/whisper-large-v3"),
  );
  const names = await readdir(snapshot);
  expect(names).toContain("model.safetensors");
  expect(names).not.toContain("flax_model.msgpack");
  for (const name of names) {
    const { size } = await stat(path.join(snapshot, name));
    expect([name, size]).toEqual([
      name,
      hub.file("openai/whisper-large-v3", name).source.sizeBytes,
    ]);
  }
});

test("the containers get the cache to read, none of them the token, which nobody needs, and no port but Annie's", async () => {
  const core = await docker(["compose", "ps", "-q", "her-os-core"], stackDir);
  const [annie] = JSON.parse(await docker(["inspect", core.trim()])) as [
    { Mounts: object[]; Config: { Env: string[] } },
  ];
  expect(annie.Mounts).toContainEqual(
    expect.objectContaining({ Source: cacheDir, Destination: "/data/models", RW: false }),
  );
  expect(JSON.stringify(annie)).not.toMatch(/hf_token|HF_TOKEN/);
  const kept = path.join(stackDir, "secrets/hf_token");
  expect(await readFile(kept, "utf8")).toBe(token);
  expect((await stat(kept)).mode & 0o777).toBe(0o600);
  const ports = await docker(["ps", "--format", "{{.Ports}}"]);
  expect(ports.trim()).toBe(`127.0.0.1:${port}->8000/tcp`);
});

test("a second run fetches nothing, changes no file and restarts no container", async () => {
  const [filesBefore, containersBefore] = [await photograph(stackDir), await containers()];
  hub.forgetRequests();
  // A person comes back later than a test: Docker's own check has found her well for some seconds then.
  await expect.poll(() => goodChecks(), { timeout: 60_000, interval: 500 }).toBeGreaterThan(1);

  const run = await setup();
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(hub.sentBytes()).toBe(0);
  expect(new Set(Object.values(written(run)))).toEqual(new Set(["unchanged"]));
  expect(await photograph(stackDir)).toEqual(filesBefore);
  expect(await containers()).toEqual(containersBefore);
  expect(containersBefore).toHaveLength(6);
});

test("heros doctor finds everything in order", async () => {
  const run = await doctor();
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  const [report] = ofType(run, "doctor.report");
  const others = ["product", "gpu", "docker.gpu", "memory", "disk.models", "disk.images"];
  const odd = report?.checks.filter(({ id, status }) => !others.includes(id) && status !== "ok");
  expect(odd).toEqual([]);
  expect(report?.checks.find(({ id }) => id === "mounts")?.found).toBe(cacheDir);
});

test("docker compose up -d by hand is enough from then on, and restarts nothing either", async () => {
  const before = await containers();
  await docker(["compose", "up", "-d"], stackDir);
  expect(await containers()).toEqual(before);
});

test("heros logs, restart, down and up are words over compose, and volumes stay", async () => {
  const logs = await heros(["logs", "her-os-core", "--tail", "3"]);
  expect(logs).toMatchObject({ exitCode: 0, stderr: "" });
  const lines = ofType(logs, "container.logged");
  expect(new Set(lines.map(({ service }) => service))).toEqual(new Set(["her-os-core"]));
  expect(lines.length).toBeGreaterThan(0);

  const before = await containers();
  expect(await heros(["up"])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(await containers()).toEqual(before);
  expect(await heros(["restart"])).toMatchObject({ exitCode: 0, stderr: "" });
  const restarted = await containers();
  const idOf = (line: string): string => line.split(" ").slice(0, 2).join(" ");
  expect(restarted.map(idOf)).toEqual(before.map(idOf));
  expect(restarted).not.toEqual(before);

  const volumes = await docker(["volume", "ls", "-q"]);
  expect(await heros(["down"])).toMatchObject({ exitCode: 0, stderr: "" });
  expect((await docker(["compose", "ps", "-aq"], stackDir)).trim()).toBe("");
  expect(await docker(["volume", "ls", "-q"])).toBe(volumes);
  expect(await heros(["up"])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(await containers()).toHaveLength(before.length);
});

test("when Annie's container crashes, the run fails with its name and its last lines", async () => {
  const override =
    "services:\n  her-os-core:\n    environment:\n      ANNIE_CRASH: as the test wants it\n";
  await writeFile(path.join(stackDir, "docker-compose.override.yml"), override);

  const run = await setup();
  say(await docker(["ps", "--all", "--format", "table {{.Names}}\t{{.Image}}\t{{.Status}}"]));

  expect(run.exitCode).toBe(1);
  expect(ofType(run, "container.failed").at(-1)).toMatchObject({
    service: "her-os-core",
    exitCode: 3,
    logLines: expect.arrayContaining([
      "her-os-core cannot go on: as the test wants it",
    ]) as string[],
  });
  expect(run.events.at(-1)).toMatchObject({
    type: "run.failed",
    code: "annie.container_failed",
    exitCode: 1,
    message: expect.stringMatching(/her-os-core[^]*as the test wants it/) as string,
    hint: expect.stringContaining("docker compose logs her-os-core") as string,
  });
  expect(await readFile(path.join(stackDir, "docker-compose.override.yml"), "utf8")).toBe(override);

  const seen = await doctor();
  expect(seen.exitCode).toBe(1);
  expect(seen.events.at(-1)).toMatchObject({
    type: "run.failed",
    code: "doctor.problems",
    message: expect.stringContaining("as the test wants it") as string,
  });
  const [report] = ofType(seen, "doctor.report");
  const services = report?.checks.find(({ id }) => id === "services");
  expect(services?.status).toBe("failed");
  expect(services?.found).toContain("her-os-core ");
  expect(services?.fix).toContain("docker compose logs her-os-core");
});

test("once the cause is gone, the next run brings her back", async () => {
  await rm(path.join(stackDir, "docker-compose.override.yml"));
  expect(await setup()).toMatchObject({ exitCode: 0 });
});

test("the token and the passwords stand in files that only their owner can read, and nowhere else", async () => {
  const report = await heros(["report"]);
  expect(report.exitCode).toBe(0);
  const [, file = ""] = /Report: (\S+)/u.exec(report.stdout.replaceAll('"', " ")) ?? [];
  const archive = gunzipSync(await readFile(file)).toString("latin1");
  await rm(file);
  expect(archive).toContain("heros-report/compose.json");
  const logs = await docker(["compose", "logs"], stackDir);
  expect(Object.keys(secrets)).toEqual(["token", "POSTGRES_PASSWORD", "NEO4J_PASSWORD"]);
  const all = { ...outputs, "docker compose logs": logs, "the report's archive": archive };
  const search = { secrets, folders: [folder], outputs: all };
  expect([...(await findLeaks(search)), ...(await seenInProcesses())]).toEqual([]);
  for (const name of [".env", "secrets/hf_token"]) {
    expect((await stat(path.join(stackDir, name))).mode & 0o777, name).toBe(0o600);
  }
});

function setup(onEvent?: (event: TimedEvent) => void): Promise<HerosRun> {
  const args = [
    "setup",
    "--yes",
    "--allow-unsupported",
    "--tiers=1,2,3",
    `--endpoint=${hub.endpoint}`,
    `--cache-dir=${cacheDir}`,
    `--port=${port}`,
  ];
  return heros(args, onEvent);
}

function doctor(): Promise<HerosRun> {
  return heros([
    "doctor",
    "--allow-unsupported",
    "--tiers=1,2,3",
    `--endpoint=${hub.endpoint}`,
    `--cache-dir=${cacheDir}`,
  ]);
}

async function heros(
  args: readonly string[],
  onEvent?: (event: TimedEvent) => void,
): Promise<HerosRun> {
  const run = await runHeros(
    [...args, "--output=json"],
    {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: path.join(folder, "home"),
      DOCKER_HOST: process.env["DOCKER_HOST"] ?? "",
      DOCKER_CONFIG: process.env["DOCKER_CONFIG"] ?? "",
      HF_TOKEN: token,
    },
    onEvent,
  );
  expect(run.stdout + run.stderr).not.toContain(token);
  outputs[`heros ${args[0]} (${Object.keys(outputs).length})`] = run.stdout + run.stderr;
  if (args[0] === "setup") secrets = { token, ...(await passwordsOf(stackDir)) };
  const last = run.events.at(-1);
  say(
    `heros ${args[0]}: exit ${run.exitCode}, ${run.events.length} events, last: ${JSON.stringify(last)}${run.stderr}`,
  );
  return run;
}

/** What was said of each file of the stack. */
function written(run: HerosRun): Record<string, string> {
  return Object.fromEntries(
    ofType(run, "file.written").map((event) => [path.relative(stackDir, event.path), event.action]),
  );
}

/** Which containers there are, and since when each has been running. */
async function containers(): Promise<string[]> {
  const ids = (await docker(["compose", "ps", "-aq"], stackDir)).trim().split("\n");
  const seen = await docker([
    "inspect",
    "--format",
    "{{.Name}} {{.Id}} {{.State.StartedAt}}",
    ...ids,
  ]);
  return seen.trim().split("\n").toSorted();
}

/** How many of the health checks that Docker keeps found Annie able to search. */
async function goodChecks(): Promise<number> {
  const id = (await docker(["compose", "ps", "-q", "her-os-core"], stackDir)).trim();
  const log = await docker(["inspect", "--format", "{{json .State.Health.Log}}", id]);
  const checks = JSON.parse(log) as { Output: string }[];
  return checks.filter(({ Output }) => Output.includes('"memory_search":true')).length;
}

/** What ran, for whoever reads the test's output. */
function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
