/**
 * Records the runs of test/ui/fixtures anew, from the program itself. Needs the build; takes a minute.
 *
 *     npm run build && node test/ui/record.ts [name…]
 *     UPDATE_GOLDEN=1 npx vitest run test/ui/replay.test.ts
 *
 * Every event is one that a run emitted, in a demo's world without its DEMO. Only what differs from machine to machine
 * is replaced: folders, addresses, ports.
 *
 * One is of a real Docker engine, with BENCH_EVENTS=FILE after
 *
 *     npm run bench:first-boot -- --quick --only heros --events FILE
 *
 * Two are of an earlier heros, and stay as they are: fresh-setup and crashing-container, in which Docker pulled all images
 * by itself. Such records replay, and Docker still pulls where heros can't fetch images for it.
 */
import { readFile, writeFile } from "node:fs/promises";
import { type CheckRequest, repair, verify } from "../../src/commands/models/verify.ts";
import { pull } from "../../src/commands/pull.ts";
import type { DemoWorld } from "../../src/demo/prepare-demo.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { createPauseSwitch } from "../../src/run/run-control.ts";
import { requestOf } from "../commands/demo-setup.ts";
import { herOs } from "../demo/test-demo.ts";
import { hubOutage } from "./hub-outage.ts";
import { recordDemo } from "./record-demo.ts";
import { inWorld, linesOf, record, recordSetup } from "./record-run.ts";
import { spoilCache } from "./spoil-cache.ts";

const fixtures = new URL("./fixtures/", import.meta.url);
const speed = 2;

const recordings: Readonly<Record<string, () => Promise<void>>> = {
  "demo-setup": async () => {
    await keepLines("demo-setup", await recordDemo(["--demo-speed", String(speed)]));
  },
  "first-boot": () =>
    inHerOs(async (world) => {
      await keepOf(world, "first-boot", await recordSetup(world));
    }),
  "second-run": () =>
    inHerOs(async (world) => {
      world.hub.setThrottle({});
      await recordSetup(world);
      await keepOf(world, "second-run", await recordSetup(world));
    }),
  cancelled: () =>
    inHerOs(async (world) => {
      const events = await recordSetup(world, (event, interrupt) => {
        if (event.type !== "image.progress" || !event.image.includes("her-os-core")) return;
        if (event.receivedBytes > event.totalBytes * 0.6) interrupt();
      });
      await keepOf(world, "cancelled", events);
    }),
  "pull-images": () =>
    inHerOs(async (world) => {
      const { stackDir } = world;
      const { assetsDir } = requestOf(world);
      const started = { command: "pull", stages: ["download"] as const };
      const events = await record(world, started, (work) => {
        const models = world.catalog.models.filter(({ priority }) => priority <= 2);
        return pull(work, placed(world), {
          models,
          stack: { stack: world.catalog.stack, stackDir, assetsDir },
        });
      });
      await keepOf(world, "pull-images", events);
    }),
  "pull-with-retries": () =>
    inHerOs(async (world) => {
      world.hub.setIntercept(hubOutage());
      const started = { command: "pull", stages: ["download"] as const };
      const events = await record(world, started, (work) => {
        const models = world.catalog.models.filter(({ priority }) => priority <= 2);
        return pull(work, placed(world), { models, stack: null });
      });
      await keepOf(world, "pull-with-retries", events);
    }),
  "pull-paused": () =>
    inHerOs(async (world) => {
      const pause = createPauseSwitch();
      const started = { command: "pull", stages: ["download"] as const };
      let turned = false;
      const events = await record(
        world,
        started,
        (work) => {
          const models = world.catalog.models.filter(({ priority }) => priority <= 2);
          return pull({ ...work, pause }, placed(world), { models, stack: null });
        },
        (event) => {
          if (event.type === "download.paused")
            void world.host.clock.sleep(2000).then(pause.toggle);
          if (event.type !== "download.progress" || turned) return;
          if (event.receivedBytes < event.totalBytes * 0.4) return;
          turned = true;
          pause.toggle();
        },
      );
      await keepOf(world, "pull-paused", events);
    }),
  "models-verify": () =>
    inHerOs(async (world) => {
      await spoil(world);
      const started = { command: "models verify", stages: [] };
      const check = checkOf(world);
      await keepOf(
        world,
        "models-verify",
        await record(world, started, (work) => verify(work, check)),
      );
    }),
  "models-repair": () =>
    inHerOs(async (world) => {
      await spoil(world);
      const started = { command: "models repair", stages: [] };
      const check = checkOf(world);
      await keepOf(
        world,
        "models-repair",
        await record(world, started, (work) => repair(work, check)),
      );
    }),
};

function inHerOs(work: (world: DemoWorld) => Promise<void>): Promise<void> {
  return inWorld({ catalog: herOs, speed }, work);
}

function placed(world: DemoWorld) {
  return { ...requestOf(world), cacheDir: world.cacheDir, ollamaDir: "/nowhere" };
}

function checkOf(world: DemoWorld): CheckRequest {
  return { fetching: placed(world), models: world.catalog.models, named: false };
}

/** All models in the cache, one file of which has a wrong byte and one of which is cut short. */
async function spoil(world: DemoWorld): Promise<void> {
  world.hub.setThrottle({});
  const started = { command: "pull", stages: ["download"] as const };
  await record(world, started, (work) =>
    pull(work, placed(world), { models: world.catalog.models, stack: null }),
  );
  await spoilCache(world.cacheDir);
  world.hub.setThrottle({ bytesPerSecond: 17_000_000 * speed });
}

async function keepOf(
  world: DemoWorld,
  name: string,
  events: readonly TimedEvent[],
): Promise<void> {
  await keepLines(name, linesOf(world, events));
}

async function keepLines(name: string, lines: readonly string[]): Promise<void> {
  await writeFile(new URL(`${name}.jsonl`, fixtures), `${lines.join("\n")}\n`);
  process.stdout.write(`${name}: ${lines.length} events, to ${lines.at(-1)?.slice(0, 80)}\n`);
}

/** A run on a real Docker engine, as the benchmark keeps it. */
async function keepBench(file: string): Promise<void> {
  const text = await readFile(file, "utf8");
  const [, cacheDir = "", stackDir = ""] =
    /"cacheDir":"([^"]+)","stackDir":"([^"]+)"/.exec(text) ?? [];
  const [, endpoint = ""] = /"endpoint":"(http:\/\/127\.0\.0\.1:\d+)"/.exec(text) ?? [];
  const [, registry = ""] = /"image":"(127\.0\.0\.1:\d+)\//.exec(text) ?? [];
  const [, port = ""] =
    /"type":"annie\.online".*"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(text) ?? [];
  const shown = text
    .replaceAll(cacheDir, "/home/ada/.cache/huggingface/hub")
    .replaceAll(stackDir, "/home/ada/her-os")
    .replaceAll(/\/[^" ]*\/engine\/data/g, "/var/lib/docker")
    .replaceAll(endpoint, "https://huggingface.co")
    .replaceAll(registry, "ghcr.io")
    .replaceAll(new RegExp(`\\b${port}\\b`, "g"), "8000")
    .replaceAll(/(ssh -L \S+) [\w.-]+/g, "$1 spark");
  await keepLines("real-engine", shown.trim().split("\n"));
}

const wanted = process.argv.slice(2);
for (const [name, make] of Object.entries(recordings)) {
  if (wanted.length === 0 || wanted.includes(name)) await make();
}
const bench = process.env["BENCH_EVENTS"];
if (bench !== undefined) await keepBench(bench);
process.exit(0);
