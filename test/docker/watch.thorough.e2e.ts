import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { execFile } from "node:child_process";
import { expect, onTestFinished } from "vitest";
import type { TimedEvent } from "../../src/run/event.ts";
import { freePort } from "../host/free-port.ts";
import { openCells } from "./cells.ts";
import { createEngine } from "./own-engine.ts";
import { docker, type HerosRun, ofType } from "./run-heros.ts";
import { openScene, type Scene } from "./scene.ts";
import { isOnline } from "./storage.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const cell = openCells();

/** Ten seconds where nothing else runs. */
const toldWithinMs = 20_000;
const proof = `
  proof:
    capability: memory_search
    request: {method: POST, path: /search, body: {query: hello}}
    answer: {path: results.0.text}
`;

/** What Annie's own service does instead, as lines of her service in an override. */
async function change({ stackDir }: Scene, lines: readonly string[]): Promise<void> {
  const service = lines.map((line) => `    ${line}\n`).join("");
  await writeFile(
    path.join(stackDir, "docker-compose.override.yml"),
    `services:\n  her-os-core:\n${service}`,
  );
}

const does = (what: string) => `environment: {ANNIE_DOES: ${what}}`;

/** When her container was started by this run: before that there is nothing to see. */
function startedAt({ events }: Pick<HerosRun, "events">): number {
  const isUp = (event: TimedEvent) =>
    event.type === "container.changed" &&
    event.service === "her-os-core" &&
    !["pulling", "created"].includes(event.state);
  return events.find(isUp)?.at ?? Number.NaN;
}

/** How the run ended with her container, in a few words, and soon after it could be seen. */
function told(run: HerosRun, words: RegExp, since = startedAt(run)): string {
  const last = run.events.at(-1);
  expect(last).toMatchObject({
    type: "run.failed",
    message: expect.stringMatching(words) as string,
  });
  if (last?.type !== "run.failed") return "";
  expect(last.hint).toMatch(/docker compose logs|sudo ss/);
  const ms = last.at - since;
  expect(ms).toBeLessThanOrEqual(toldWithinMs);
  return `${last.code} after ${(ms / 1000).toFixed(1)} s`;
}

cell("what keeps Annie from running", async () => {
  const scene = await openScene();
  const folder = path.dirname(scene.stackDir);
  const catalog = path.join(folder, "catalog.yaml");
  await writeFile(
    catalog,
    (await readFile(path.join(root, "assets/catalogs/her-os.yaml"), "utf8")).replace(
      "\nstack:\n",
      `\nstack:${proof}`,
    ),
  );
  const flags = ["--tiers=1", `--port=${await freePort()}`, `--catalog=${catalog}`];
  const how: string[] = [];
  const say = (what: string, words: string) => {
    how.push(`${what}: ${words}`);
    process.stdout.write(`  ${what}: ${words}\n`);
  };

  const first = await scene.setup(flags);
  isOnline(first);
  expect(ofType(first, "annie.proved")).toMatchObject([{ asked: "POST /search" }]);
  // Everything is cached: from docker compose up to her first steady answer.
  await docker(["compose", "down", "--timeout", "1"], scene.stackDir);
  const cached = await scene.setup(flags);
  isOnline(cached);
  const up = ofType(cached, "stack.command")[0]?.at ?? Number.NaN;
  const onlineMs = (ofType(cached, "annie.online")[0]?.elapsedMs ?? Number.NaN) - up;
  expect(onlineMs).toBeLessThanOrEqual(60_000);
  say("all cached", `online ${(onlineMs / 1000).toFixed(1)} s after up`);

  await change(scene, [does("find nothing")]);
  const mute = await scene.setup(flags);
  expect(mute).toMatchObject({ exitCode: 3 });
  expect(mute.events.at(-1)).toMatchObject({
    code: "annie.not_proved",
    message: expect.stringContaining(
      'POST /search): the answer has nothing at results.0.text: {"results":[]}',
    ) as string,
  });
  const [doctor] = ofType(
    await scene.start("doctor", ["--tiers=1", "--allow-unsupported", `--catalog=${catalog}`]).ended,
    "doctor.report",
  );
  expect(doctor?.checks.find(({ id }) => id === "annie")).toMatchObject({ status: "failed" });

  await change(scene, ["environment: {ANNIE_CRASH: as the test wants it}"]);
  say(
    "crash loop",
    told(await scene.setup(flags), /keeps restarting \(exit status 3\)[^]*as the test wants it/),
  );

  await change(scene, [does("fill memory"), "mem_limit: 128m"]);
  const killed = await scene.setup(flags);
  say("memory", told(killed, /(?:ran|running) out of memory[^]*loading whisper/));
  expect(killed.events.at(-1)).toMatchObject({
    hint: expect.stringContaining("memory limit of 128 MiB") as string,
  });
  expect(ofType(killed, "container.failed")).toMatchObject([{ outOfMemory: true, exitCode: 137 }]);

  await change(scene, [does("exit"), 'restart: "no"']);
  say(
    "exited 0",
    told(await scene.setup(flags), /stopped by itself with exit status 0[^]*nothing to do/),
  );

  await change(scene, [
    does("hang"),
    "healthcheck: {interval: 1s, timeout: 1s, retries: 2, start_period: 0s}",
  ]);
  const hung = await scene.setup(flags);
  const isUnhealthy = (event: TimedEvent) =>
    event.type === "container.changed" && event.state === "unhealthy";
  const unhealthyAt = hung.events.find(isUnhealthy)?.at ?? Number.NaN;
  say(
    "unhealthy",
    `${told(hung, /unhealthy[^]*Uvicorn running/, unhealthyAt)}, ${told(hung, /unhealthy/)} of her start`,
  );

  await change(scene, [does("flap")]);
  const flapping = scene.start("setup", flags);
  const notice = await flapping.until(
    (event) => event.type === "notice" && event.code === "annie.unsteady",
  );
  flapping.kill("SIGINT");
  const { events } = await flapping.ended;
  // A warning of hers, and the run goes on.
  const falls = events.flatMap((event, index) => {
    if (event.type !== "annie.health" || event.status !== "starting") return [];
    const before = events.slice(0, index).findLast(({ type }) => type === "annie.health");
    return before?.type === "annie.health" && before.status === "healthy" ? [event.at] : [];
  });
  const thirdAt = falls[2] ?? Number.NaN;
  expect(notice.at - thirdAt).toBeLessThanOrEqual(toldWithinMs);
  expect(notice).toMatchObject({
    message: expect.stringMatching(/failed again 3 times[^]*Uvicorn/) as string,
  });
  say("flapping", `said ${((notice.at - thirdAt) / 1000).toFixed(1)} s after the third relapse`);
  return how.map((each) => each.split(":")[0]).join(", ");
});

cell("another program on her port", async () => {
  const scene = await openScene({
    // Docker finds her healthy in her container, which has the machine's network and listens nowhere.
    override: `services:
  her-os-core:
    network_mode: host
    entrypoint: ["/bin/sh", "-c", "echo no port for me; sleep 1000"]
    healthcheck:
      test: echo '{"status":"healthy","capabilities":{"memory_search":true}}'
      interval: 1s
`,
  });
  const run = scene.start("setup", ["--tiers=1"]);
  await run.until(({ type }) => type === "stack.command");
  const stranger = createServer((_request, response) => response.end("<h1>It works!</h1>"));
  stranger.listen(8000, "127.0.0.1");
  await once(stranger, "listening");
  onTestFinished(() => {
    stranger.closeAllConnections();
    stranger.close();
  });
  return told(await run.ended, /Something other than Annie responds at [^]*no port for me/);
});

cell("the engine restarted in the middle of a download", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-engine-"));
  await mkdir(path.join(folder, "data"));
  const engine = createEngine(folder, path.join(folder, "data"));
  const env = { ...process.env, ...engine.env };
  await engine.start();
  await mkdir(path.join(folder, "images"));
  await promisify(execFile)("sh", [".ci/docker-images.sh", path.join(folder, "images")], {
    cwd: root,
    env,
  });
  const scene = await openScene({ bytesPerSecond: 3_000_000 });
  onTestFinished(async () => {
    await docker(["compose", "down", "--volumes", "--timeout", "1"], scene.stackDir, env).catch(
      () => "",
    );
    await engine.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const run = scene.start("setup", [`--port=${await freePort()}`], { env: engine.env });
  await run.until(({ type }) => type === "annie.online");
  await engine.stop();
  const sentBytes = scene.hub.sentBytes();
  await engine.start();
  const ended = await run.ended;
  isOnline(ended);
  expect(ended.exitCode).toBe(0);
  expect(scene.hub.sentBytes()).toBeGreaterThan(sentBytes);
  const whole = ofType(ended, "download.planned")[0]?.totalBytes ?? 0;
  // Nothing was fetched twice.
  expect(scene.hub.sentBytes()).toBeLessThan(1.05 * whole);
  return `${((sentBytes / whole) * 100).toFixed(0)}% before, and all of it once`;
});
