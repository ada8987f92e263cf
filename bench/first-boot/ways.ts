import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { modelsOfGroups, requiredGroups } from "../../src/catalog/catalog.ts";
import { parseHealthReport } from "../../src/run/health-report.ts";
import { freePort } from "../../test/host/free-port.ts";
import { cleanEnv, heros, inFolder } from "../program.ts";
import { layStack, type World } from "./world.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A way to bring Annie online on a bare machine. */
export interface Way {
  readonly name: string;
  start(place: Place): Promise<void>;
}

export interface Place {
  readonly world: World;
  /** The home: everything is written below. */
  readonly folder: string;
  readonly stackDir: string;
  readonly cacheDir: string;
  readonly port: number;
  /** Hears lines of what runs. */
  readonly onLine: (line: string) => void;
}

export interface Moments {
  /** Her first models are there, and she serves. */
  readonly onlineMs: number;
  /** All of her capabilities, and all containers. */
  readonly allMs: number;
  /** That came over the line. */
  readonly bytes: number;
}

export const herosWay: Way = {
  name: "heros setup --yes",
  async start(place) {
    const { world, stackDir, cacheDir, port } = place;
    const args = ["setup", "--yes", "--allow-unsupported", "--output=json", "--tiers=1,2,3"];
    const where = [`--stack-dir=${stackDir}`, `--cache-dir=${cacheDir}`, `--port=${port}`];
    await run(place, process.execPath, [...heros, ...args, ...where, "--endpoint", world.endpoint]);
  },
};

/** As the stack does without heros: the core's container fetches the models, tier by tier, when it runs. */
export const insideWay: Way = {
  name: "docker compose up, snapshotDownload inside",
  async start(place) {
    const { world, cacheDir } = place;
    const all = modelsOfGroups(
      world.catalog,
      world.catalog.groups.map(({ id }) => id),
    );
    const mounts = ["node_modules", "bench"].map((name) => `${join(root, name)}:/heros/${name}:ro`);
    const models = {
      image: world.coreImage,
      network_mode: "host",
      entrypoint: ["/usr/bin/node", "/heros/bench/first-boot/snapshots.ts"],
      command: [world.endpoint, "/data/models", ...reposOf(all)],
      volumes: [...mounts, `${cacheDir}:/data/models`],
    };
    await layByHand(place, { models });
    await run(place, "docker", ["compose", "up", "-d"]);
  },
};

/** As somebody does by hand who knows what she needs first. */
export function byHandWay(venv: string): Way {
  return {
    name: "docker compose pull, hf download, up",
    async start(place) {
      const { world, cacheDir } = place;
      await layByHand(place);
      const { catalog } = world;
      const first = requiredGroups(catalog);
      const models = Object.groupBy(catalog.models, ({ group }) =>
        first.includes(group) ? "needed" : "later",
      );
      const fetchAll = async (some: World["catalog"]["models"] = []): Promise<void> => {
        for (const repo of reposOf(some)) {
          await run(place, join(venv, "bin/hf"), ["download", repo, "--cache-dir", cacheDir, "-q"]);
        }
      };
      await run(place, "docker", ["compose", "pull", "-q"]);
      await fetchAll(models.needed);
      await run(place, "docker", ["compose", "up", "-d"]);
      await fetchAll(models.later);
    },
  };
}

function reposOf(models: World["catalog"]["models"]): string[] {
  return [...new Set(models.flatMap(({ parts }) => parts.map(({ repo }) => repo)))];
}

/** What a person writes without heros: where the models are, and the passwords. */
async function layByHand(
  { stackDir, cacheDir, port }: Place,
  more: Readonly<Record<string, object>> = {},
): Promise<void> {
  const core = {
    environment: { HF_HOME: "/data/models", HF_HUB_CACHE: "/data/models" },
    volumes: [`${cacheDir}:/data/models`],
  };
  await writeFile(
    join(stackDir, "docker-compose.override.yml"),
    stringify({ services: { "her-os-core": core, ...more } }),
  );
  const env = `HER_OS_PORT=${port}\nPOSTGRES_PASSWORD=bench\nNEO4J_PASSWORD=bench\n`;
  await writeFile(join(stackDir, ".env"), env);
}

/** @throws Error where it does not end with 0 */
async function run(place: Place, command: string, args: readonly string[]): Promise<void> {
  const { folder, stackDir, world, onLine } = place;
  const env = {
    ...cleanEnv(folder),
    ...world.engine.env,
    HF_ENDPOINT: world.endpoint,
    HF_HUB_DISABLE_TELEMETRY: "1",
    HF_HUB_DISABLE_XET: "1",
  };
  const child = spawn(command, [...args], {
    cwd: stackDir,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      onLine(line);
      last.push(line.slice(0, 400));
      if (last.length > 20) last.shift();
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0)
    throw new Error(`${command} ${args.join(" ")} ended with ${code}\n${last.join("\n")}`);
}

/** Goes this way on a machine that has nothing, and leaves it so. */
export function measureWay(
  world: World,
  way: Way,
  onLine: (line: string) => void = () => {},
): Promise<Moments> {
  return inFolder(async (folder) => {
    const stackDir = await layStack(folder, world.compose);
    const cacheDir = join(folder, "cache");
    await mkdir(cacheDir);
    const port = await freePort();
    // What was written before is no part of it.
    await promisify(execFile)("sync");
    world.link.takeBytes();
    const began = performance.now();
    const ended = new AbortController();
    try {
      const going = way.start({ world, folder, stackDir, cacheDir, port, onLine });
      going.catch((error: unknown) => ended.abort(error));
      const moments = await untilAll({ world, port, began, signal: ended.signal });
      await going;
      return { ...moments, bytes: world.link.takeBytes() };
    } finally {
      await world.docker(["compose", "down", "--volumes", "--timeout", "1"], stackDir);
      await world.docker(["image", "prune", "--all", "--force"]);
    }
  });
}

interface Waited {
  readonly world: World;
  readonly port: number;
  readonly began: number;
  readonly signal: AbortSignal;
}

const lookEveryMs = 100;

async function untilAll({ world, port, began, signal }: Waited): Promise<Omit<Moments, "bytes">> {
  let onlineMs: number | null = null;
  for (;;) {
    const { isOnline, hasAll } = await askStack(port);
    const atMs = performance.now() - began;
    if (isOnline) onlineMs ??= atMs;
    if (
      onlineMs !== null &&
      hasAll &&
      (await world.engine.runningImages()).includes(world.laterImage)
    ) {
      return { onlineMs, allMs: atMs };
    }
    await sleep(lookEveryMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) throw signal.reason;
  }
}

async function askStack(port: number) {
  const text = await fetch(`http://127.0.0.1:${port}/health`).then(
    (answer) => answer.text(),
    () => "",
  );
  const report = parseHealthReport(text);
  if (report?.status !== "healthy") return { isOnline: false, hasAll: false };
  const { capabilities } = report;
  const values = Object.values(capabilities);
  return {
    isOnline: capabilities["memory_search"] === true,
    hasAll: values.length > 0 && values.every(Boolean),
  };
}
