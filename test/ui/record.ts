/**
 * Records the runs of test/ui/fixtures anew, from the program itself. Needs the build; takes a minute.
 *
 *     npm run build && node test/ui/record.ts [name…]
 *     UPDATE_GOLDEN=1 npx vitest run test/ui/replay.test.ts
 *
 * Every event is one that a run emitted, in a demo's world without its DEMO. Only what differs from machine to machine
 * is replaced: folders, addresses, ports.
 */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../src/cli/run-command.ts";
import { noRunLog } from "../../src/record/write.ts";
import { type DemoWorld, prepareDemo } from "../../src/demo/prepare-demo.ts";
import { realHost } from "../../src/host/real-host.ts";
import { createEndpointMemory } from "../../src/source/mirrors.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { stages, type Stage } from "../../src/run/events/run.ts";
import { createPauseSwitch } from "../../src/run/pause-switch.ts";
import { type CheckRequest, repair, verify } from "../../src/commands/models/verify.ts";
import { pull } from "../../src/commands/pull.ts";
import type { Work } from "../../src/commands/command-request.ts";
import { setup } from "../../src/commands/setup/setup.ts";
import { herOs } from "../demo/test-demo.ts";
import { requestOf } from "../commands/demo-setup.ts";
import { hubOutage } from "./hub-outage.ts";
import { recordDemo } from "./record-demo.ts";
import { spoilCache } from "./spoil-cache.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const fixtures = new URL("./fixtures/", import.meta.url);
const speed = 2;

type OnEvent = (event: TimedEvent, interrupt: () => void) => void;

const recordings: Readonly<Record<string, () => Promise<void>>> = {
  "demo-setup": async () => {
    await keepLines("demo-setup", await recordDemo(["--demo-speed", String(speed)]));
  },
  "fresh-setup": () =>
    inWorld(async (world) => {
      await keepOf(world, "fresh-setup", await recordSetup(world));
    }),
  "second-run": () =>
    inWorld(async (world) => {
      world.hub.setThrottle({});
      await recordSetup(world);
      await keepOf(world, "second-run", await recordSetup(world));
    }),
  cancelled: () =>
    inWorld(async (world) => {
      const events = await recordSetup(world, (event, interrupt) => {
        if (event.type !== "download.progress") return;
        if (event.receivedBytes > event.totalBytes * 0.4) interrupt();
      });
      await keepOf(world, "cancelled", events);
    }),
  "crashing-container": () =>
    inWorld(async (world) => {
      // Between her start and her listening somebody takes her port: she ends with a trace, as a container would.
      const thief = createServer((socket) => socket.destroy());
      const events = await recordSetup(world, (event) => {
        if (event.type !== "container.changed" || event.service !== "her-os-core") return;
        if (event.state !== "created" && !thief.listening) thief.listen(world.port, "127.0.0.1");
      });
      if (thief.listening) await once(thief.close(), "close");
      await keepOf(world, "crashing-container", events);
    }),
  "pull-with-retries": () =>
    inWorld(async (world) => {
      world.hub.setIntercept(hubOutage());
      const started = { command: "pull", stages: ["download"] as const };
      const events = await record(world, started, (work) => {
        const models = world.catalog.models.filter(({ tier }) => tier <= 2);
        return pull(work, placed(world), models);
      });
      await keepOf(world, "pull-with-retries", events);
    }),
  "pull-paused": () =>
    inWorld(async (world) => {
      const pause = createPauseSwitch();
      const started = { command: "pull", stages: ["download"] as const };
      let turned = false;
      const events = await record(
        world,
        started,
        (work) => {
          const models = world.catalog.models.filter(({ tier }) => tier <= 2);
          return pull({ ...work, pause }, placed(world), models);
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
    inWorld(async (world) => {
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
    inWorld(async (world) => {
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

function placed(world: DemoWorld) {
  return { ...requestOf(world), cacheDir: world.cacheDir };
}

function checkOf(world: DemoWorld): CheckRequest {
  return { fetching: placed(world), models: world.catalog.models, named: false };
}

/** All models in the cache, one file of which has a wrong byte and one of which is cut short. */
async function spoil(world: DemoWorld): Promise<void> {
  world.hub.setThrottle({});
  const started = { command: "pull", stages: ["download"] as const };
  await record(world, started, (work) => pull(work, placed(world), world.catalog.models));
  await spoilCache(world.cacheDir);
  world.hub.setThrottle({ bytesPerSecond: 17_000_000 * speed });
}

async function inWorld(work: (world: DemoWorld) => Promise<void>): Promise<void> {
  const { env, execPath, pid, platform, arch } = process;
  const world = await prepareDemo({
    host: realHost({ env, home: "/nowhere", cwd: root, pid, platform, nodeArch: arch }),
    catalog: herOs,
    nodePath: execPath,
    speed,
  });
  try {
    await work(world);
  } finally {
    await world.dispose();
  }
}

function recordSetup(world: DemoWorld, onEvent?: OnEvent): Promise<TimedEvent[]> {
  return record(
    world,
    { command: "setup", stages },
    (work) => setup(work, requestOf(world)),
    onEvent,
  );
}

/** The events of a run that the command line would have started. */
async function record(
  world: DemoWorld,
  started: { readonly command: string; readonly stages: readonly Stage[] },
  work: (work: Work) => Promise<readonly string[] | null>,
  onEvent: OnEvent = () => undefined,
): Promise<TimedEvent[]> {
  const events: TimedEvent[] = [];
  const stop = new AbortController();
  await runCommand({
    host: world.host,
    writer: {
      write(event) {
        events.push(event);
        onEvent(event, () => stop.abort());
      },
      close: async () => undefined,
    },
    log: noRunLog,
    signal: stop.signal,
    started: { ...started, herosVersion: "0.1.0", demo: false },
    resumeHint: "What is downloaded is kept. Run heros setup again: it goes on where it stopped.",
    work: (emit, elapsedMs) => {
      const endpoints = createEndpointMemory();
      return work({ host: world.host, emit, signal: stop.signal, elapsedMs, endpoints });
    },
  });
  return events;
}

type Replacement = readonly [string | RegExp, string];

function keepOf(world: DemoWorld, name: string, events: readonly TimedEvent[]): Promise<void> {
  return keep(name, events, [
    [path.join(world.folder, "home"), "/home/ada"],
    [world.folder, "/tmp/heros"],
    [world.endpoint, "https://huggingface.co"],
    [root, "/opt/heros/"],
    ...addresses(world.port),
  ]);
}

/** Annie's, wherever it is named: in addresses, in the check of the port, in files. */
function addresses(port: number): Replacement[] {
  return [[new RegExp(`\\b${port}\\b`, "g"), "8000"]];
}

function keep(
  name: string,
  events: readonly TimedEvent[],
  replacements: readonly Replacement[],
): Promise<void> {
  const lines = events.map((event) =>
    replacements.reduce((text, [from, to]) => text.replaceAll(from, to), JSON.stringify(event)),
  );
  return keepLines(name, lines);
}

async function keepLines(name: string, lines: readonly string[]): Promise<void> {
  await writeFile(new URL(`${name}.jsonl`, fixtures), `${lines.join("\n")}\n`);
  process.stdout.write(`${name}: ${lines.length} events, to ${lines.at(-1)?.slice(0, 80)}\n`);
}

const wanted = process.argv.slice(2);
for (const [name, make] of Object.entries(recordings)) {
  if (wanted.length === 0 || wanted.includes(name)) await make();
}
process.exit(0);
