/**
 * What a shared cache gains: containers that download a model before they load it, beside containers that find it in the cache
 * that `heros cache share` gives them, on a real Docker engine. It remakes a comparison of a model of 22.93 GB that came at
 * 86 MB/s: 272 s for each start, then 30 s. Scaled: the model, to a twentieth (1.15 GB in five files). Not scaled: the
 * network, which brings 86 MB/s from a Hub on loopback; the disk; and the start of a container. Loading is reading every
 * byte, from memory where the kernel still has it, as it has after a download. Needs the build, root, and Debian 12 where
 * something has to be installed.
 *
 *     npm run bench:shared-cache                     50 starts with the shared cache, 5 without
 *     npm run bench:shared-cache -- --without 50     all 50 without, too: a quarter of an hour
 *     npm run bench:shared-cache -- --check          ends with 1 where the bound is broken
 */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import type { TimedEvent } from "../src/run/event.ts";
import { insideFolder, requireSpace } from "./download/workplace.ts";
import {
  checkOptions,
  type Figure,
  holds,
  markdownTable,
  median,
  seconds,
  table,
} from "./figure.ts";
import { type Engine, withEngine } from "./first-boot/engine.ts";
import { benchRepo, cleanEnv, heros, withHub } from "./program.ts";

const { values } = parseArgs({
  options: {
    ...checkOptions,
    runs: { type: "string", default: "50" },
    without: { type: "string", default: "5" },
    dir: { type: "string", default: tmpdir() },
  },
});
const runs = Number(values.runs);
const without = Number(values.without);
const modelBytes = 22_930_000_000 / 20;
const bytesPerSecond = 86_000_000;
const shards = 5;
const image = "heros-bench-loader:1";
const bound = 1 / 9;
const printed = z.object({
  downloaded: z.boolean(),
  foundMs: z.number(),
  loadedMs: z.number(),
  endedAt: z.number(),
});

const files = Array.from({ length: shards }, (_each, index) => [
  "--file",
  `${benchRepo}:model-0000${index + 1}-of-0000${shards}.safetensors:${Math.round(modelBytes / shards)}`,
]).flat();
const hub = [...files, "--file", `${benchRepo}:config.json:700`];

const figures = await insideFolder(values.dir, "heros-bench-", async (folder) => {
  await requireSpace(folder, modelBytes * 4);
  return withEngine(path.join(folder, "engine"), (engine) =>
    withHub([...hub, "--bytes-per-second", String(bytesPerSecond)], (endpoint) =>
      compare({ folder, engine, endpoint }),
    ),
  );
});
console.log(`\n${table(figures)}`);
if (values.check && !figures.every(holds)) process.exitCode = 1;

interface Place {
  readonly folder: string;
  readonly engine: Engine;
  readonly endpoint: string;
}

/** One start of a container. */
interface Start {
  readonly wholeMs: number;
  readonly downloaded: boolean;
  readonly foundMs: number;
  readonly loadedMs: number;
}

async function compare(place: Place): Promise<Figure[]> {
  makeImage(place);
  const cache = path.join(place.folder, ".cache/huggingface");
  await mkdir(path.join(cache, "hub"), { recursive: true });
  const flags = mountFlags(place);
  console.log(`heros cache share: ${flags.join(" ")}`);
  const apart: Start[] = [];
  const shared: Start[] = [];
  // In turn, so that whatever else the machine does meets both.
  for (let round = 1; round <= runs; round += 1) {
    if (round <= without) apart.push(start(place, `${round}, cache of its own`, []));
    shared.push(start(place, `${round}, shared cache`, flags));
  }
  const [first, ...rest] = shared;
  if (first === undefined || !first.downloaded || rest.some(({ downloaded }) => downloaded)) {
    throw new Error("only the first of the shared starts may download");
  }
  const apartMs = median(apart.map(({ wholeMs }) => wholeMs));
  const laterMs = median(rest.map(({ wholeMs }) => wholeMs));
  const apartAll = sum(apart) + apartMs * Math.max(0, runs - apart.length);
  const counted = apart.length >= runs ? "" : ` (${apart.length} measured)`;
  const cells = (name: string, all: readonly Start[], totalMs: number) => {
    const [head, ...tail] = all;
    const of = (key: "foundMs" | "loadedMs" | "wholeMs") =>
      seconds(median((tail.length === 0 ? all : tail).map((each) => each[key])));
    return [
      name,
      seconds(head?.wholeMs ?? 0),
      of("wholeMs"),
      of("foundMs"),
      of("loadedMs"),
      seconds(totalMs),
    ];
  };
  console.log(
    `\n${markdownTable([
      ["cache", "first start", "later starts", "of which download", "loading", `${runs} starts`],
      cells("of its own", apart, apartAll).with(5, `${seconds(apartAll)}${counted}`),
      cells("shared", shared, sum(shared)),
    ])}`,
  );
  return [
    {
      name: "a later start with the shared cache",
      measured: seconds(laterMs),
      compared: `without it: ${seconds(apartMs)}`,
      ratio: laterMs / apartMs,
      bound: bound * Number(values.slack),
    },
    {
      name: "the second start beside the first",
      measured: seconds(rest[0]?.wholeMs ?? Number.NaN),
      compared: seconds(first.wholeMs),
      ratio: (rest[0]?.wholeMs ?? Number.NaN) / first.wholeMs,
      bound: bound * Number(values.slack),
    },
    {
      name: `${runs} starts`,
      measured: seconds(sum(shared)),
      compared: `without it: ${seconds(apartAll)}${counted}`,
      ratio: sum(shared) / apartAll,
      bound: 1,
    },
  ];
}

function sum(starts: readonly Start[]): number {
  return starts.reduce((total, { wholeMs }) => total + wholeMs, 0);
}

/** One container, from `docker run` to the loaded model; what Docker then takes to remove it does not count. */
function start(place: Place, name: string, flags: readonly string[]): Start {
  const began = Date.now();
  const run = ["run", "--rm", "--network", "host", "-e", `HF_ENDPOINT=${place.endpoint}`];
  const program = [image, "/usr/bin/node", "/load-model.ts", benchRepo];
  const output = docker(place, [...run, ...flags, ...program]);
  const { downloaded, foundMs, loadedMs, endedAt } = printed.parse(JSON.parse(output));
  const wholeMs = endedAt - began;
  const what = downloaded ? `download ${seconds(foundMs)}` : "from the cache";
  console.log(`${name}: ${seconds(wholeMs)} (${what}, loading ${seconds(loadedMs)})`);
  return { wholeMs, downloaded, foundMs: downloaded ? foundMs : 0, loadedMs };
}

/** As `heros cache share` tells them. */
function mountFlags({ folder }: Place): string[] {
  const args = [...heros, "cache", "share", "--json"];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    env: cleanEnv(folder),
    encoding: "utf8",
  });
  const events = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as TimedEvent);
  const shared = events.find(({ type }) => type === "cache.shared");
  if (shared?.type !== "cache.shared")
    throw new Error(`heros cache share failed: ${stdout}${stderr}`);
  return ["-v", `${shared.source}:${shared.target}`];
}

/** Node with its libraries, and the program; no registry is asked. */
function makeImage(place: Place): void {
  const root = path.join(place.folder, "image");
  const copy = (from: string, to: string) => {
    mkdirSync(path.dirname(path.join(root, to)), { recursive: true });
    copyFileSync(from, path.join(root, to));
  };
  copy(process.execPath, "/usr/bin/node");
  const libraries = execFileSync("ldd", [process.execPath], { encoding: "utf8" });
  for (const [library] of libraries.matchAll(/\/\S+/g)) copy(library, library);
  copy(fileURLToPath(new URL("shared-cache/load-model.ts", import.meta.url)), "/load-model.ts");
  mkdirSync(path.join(root, "root"));
  const tar = path.join(place.folder, "image.tar");
  execFileSync("tar", ["-C", root, "-cf", tar, "."]);
  docker(place, ["import", "--change", "ENV HOME=/root", tar, image]);
}

function docker({ folder, engine }: Place, args: readonly string[]): string {
  return execFileSync("docker", [...args], {
    env: { ...cleanEnv(folder), ...engine.env },
    encoding: "utf8",
  });
}
