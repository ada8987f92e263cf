/**
 * What heros adds to Docker's own time in a setup whose models are cached: a second run that has nothing to do, the way from yes to
 * `docker compose up`, and from there to Annie online, on a real Docker engine with stand-ins for the images. Needs the build,
 * root, and Debian 12 where something has to be installed.
 *
 *     npm run bench:setup                             prints the table
 *     npm run bench:setup -- --check [--slack 1.5]    and ends with 1 where a bound is not kept, or one that much wider
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { TimedEvent } from "../src/run/event.ts";
import { freePort } from "../test/host/free-port.ts";
import { type Engine, withEngine } from "./first-boot/engine.ts";
import {
  checkOptions,
  type Figure,
  holds,
  measureWithin,
  median,
  milliseconds,
  seconds,
  table,
} from "./figure.ts";
import { cleanEnv, heros, inFolder, withHub } from "./program.ts";

const { values } = parseArgs({ options: checkOptions });
const root = fileURLToPath(new URL("..", import.meta.url));
const runs = 5;
/** Docker's check of her has answered a few times by then. */
const settleMs = 12_000;
const boundsMs = { second: 3000, untilUp: 500, online: 60_000 };

interface Run {
  readonly wholeMs: number;
  /** heros' own, from the plan's beginning to `docker compose up`; without the time in which some docker command ran. */
  readonly ownUntilUpMs: number;
  /** From `docker compose up` to the first of her steady answers. */
  readonly upToOnlineMs: number;
}

const figures = await inFolder((folder) =>
  withEngine(join(folder, "engine"), (engine) =>
    withHub(
      ["--catalog", join(root, "assets/catalogs/her-os.yaml"), "--scale", "0.004"],
      (endpoint) => measureAll({ folder, engine, endpoint }),
    ),
  ),
);
console.log(`\n${table(figures)}`);
if (values.check && !figures.every(holds)) process.exitCode = 1;

interface Place {
  readonly folder: string;
  readonly engine: Engine;
  readonly endpoint: string;
}

async function measureAll(place: Place): Promise<Figure[]> {
  const { folder, engine } = place;
  makeImages(place);
  const setup = openSetup(place, await freePort());
  await setup();
  return measureWithin(values, async () => {
    const compose = (...args: string[]) =>
      spawnSync("docker", ["compose", ...args], {
        cwd: join(folder, "her-os"),
        env: { ...cleanEnv(folder), ...engine.env },
      });
    compose("down", "--timeout", "1");
    const cached = await setup();
    await sleep(settleMs);
    const again: Run[] = [];
    for (let count = 0; count < runs; count += 1) again.push(await setup());
    compose("down", "--timeout", "1");
    return [
      figure(
        "heros setup --yes again, nothing to do",
        median(again.map(({ wholeMs }) => wholeMs)),
        boundsMs.second,
      ),
      figure(
        "from yes to docker compose up, besides Docker",
        median(again.map(({ ownUntilUpMs }) => ownUntilUpMs)),
        boundsMs.untilUp,
      ),
      figure("from docker compose up to online, all cached", cached.upToOnlineMs, boundsMs.online),
    ];
  });
}

function figure(name: string, ms: number, boundMs: number): Figure {
  const words = boundMs < 1000 ? milliseconds : seconds;
  return { name, measured: words(ms), compared: words(boundMs), ratio: ms / boundMs, bound: 1 };
}

function makeImages({ folder, engine }: Place): void {
  const made = join(folder, "images");
  mkdirSync(made);
  const { status, stderr } = spawnSync("sh", [".ci/docker-images.sh", made], {
    cwd: root,
    env: { ...process.env, ...engine.env },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`no images could be made: ${stderr}`);
}

/** Runs `heros setup --yes` with a `docker` that writes down when it ran. */
function openSetup({ folder, engine, endpoint }: Place, port: number): () => Promise<Run> {
  const bin = join(folder, "bin");
  const log = join(folder, "docker.log");
  const { stdout } = spawnSync("sh", ["-c", "command -v docker"], { encoding: "utf8" });
  mkdirSync(bin);
  const script = `#!/bin/bash
began=$EPOCHREALTIME
${stdout.trim()} "$@"
status=$?
echo "$began $EPOCHREALTIME" >>"$DOCKER_LOG"
exit $status
`;
  writeFileSync(join(bin, "docker"), script);
  chmodSync(join(bin, "docker"), 0o755);
  const { PATH, ...rest } = cleanEnv(folder);
  const env = { ...rest, ...engine.env, PATH: `${bin}:${PATH ?? ""}`, DOCKER_LOG: log };
  const args = [
    ...heros,
    "setup",
    "--yes",
    "--allow-unsupported",
    "--tiers=1",
    "--output=json",
    `--endpoint=${endpoint}`,
    `--port=${port}`,
    `--cache-dir=${join(folder, "hub")}`,
  ];
  return async () => {
    writeFileSync(log, "");
    const began = performance.now();
    const run = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(run, "exit");
    let [plannedAtMs, upAtMs, upMs, onlineMs] = [0, 0, 0, Number.NaN];
    for await (const line of createInterface({ input: run.stdout })) {
      const event = JSON.parse(line) as TimedEvent;
      if (event.type === "stage.started" && event.stage === "plan") plannedAtMs = Date.now();
      if (event.type === "stack.command") [upAtMs, upMs] = [Date.now(), event.at];
      if (event.type === "annie.online") onlineMs = event.elapsedMs;
    }
    const [status] = (await ended) as [number | null];
    const wholeMs = performance.now() - began;
    if (status !== 0) throw new Error(`heros setup ended with ${status}`);
    const dockerMs = coveredMs(readFileSync(log, "utf8"), plannedAtMs, upAtMs);
    return {
      wholeMs,
      ownUntilUpMs: upAtMs - plannedAtMs - dockerMs,
      upToOnlineMs: onlineMs - upMs,
    };
  };
}

/** How much of this time some command was running. @param log a line each, of two times in seconds */
function coveredMs(log: string, fromMs: number, toMs: number): number {
  const spans = log
    .trim()
    .split("\n")
    .map((line) => line.split(" ").map((text) => Number(text) * 1000))
    .toSorted(([one = 0], [other = 0]) => one - other);
  let [sumMs, reachedMs] = [0, fromMs];
  for (const [began = 0, ended = 0] of spans) {
    const from = Math.max(began, reachedMs);
    const to = Math.min(ended, toMs);
    if (to <= from) continue;
    sumMs += to - from;
    reachedMs = to;
  }
  return sumMs;
}
