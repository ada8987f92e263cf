/**
 * What one container image takes: `heros pull --images` beside `docker pull`, from Debian's registry over a line on which each connection
 * has its cap, into a real Docker engine. Needs the build, root, and Debian 12 where something has to be installed.
 *
 *     npm run bench:image                 2 GB in 6 layers, 20 MB/s a connection, 10 kills
 *     npm run bench:image -- --quick      a twentieth of it, 3 kills
 *     npm run bench:image -- --check      ends with 1 where a bound is broken
 *
 * Where time is measured, nginx sends the layers, and the kernel holds each connection to its cap.
 *
 * --unpacked is how many times its compressed size the image is unpacked to. A kill is -9, at a random moment of the download, and what
 * comes over the line until the image is there, beyond its size, came twice.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startHub } from "../src/demo/hub/hub.ts";
import type { TimedEvent } from "../src/run/event.ts";
import { type Layer, startRegistry } from "../test/docker/registry.ts";
import { freePort } from "../test/host/free-port.ts";
import { installPrograms } from "./download/peers.ts";
import { insideFolder, requireSpace, usedBytes } from "./download/workplace.ts";
import {
  type Figure,
  holds,
  markdownTable,
  median,
  megabytes,
  percent,
  seconds,
  table,
} from "./figure.ts";
import { type Engine, withEngine } from "./first-boot/engine.ts";
import { type Link, openLink } from "./first-boot/link.ts";
import { tarOfSize } from "./first-boot/tar-of-size.ts";
import { nginxHead, nginxTempPaths, withNginx } from "./nginx.ts";
import { benchRepo, cleanEnv, pullCommand } from "./program.ts";

const { values } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    unpacked: { type: "string", default: "1.1" },
    dir: { type: "string", default: tmpdir() },
  },
});
const imageBytes = values.quick ? 0.1e9 : 2e9;
const kills = values.quick ? 3 : 10;
const bounds = values.quick
  ? { verified: 1, inEngine: 1.5, medianTwice: 0.03, worstTwice: 0.06, disk: 1.1 }
  : { verified: 1 / 3, inEngine: 1 / 1.8, medianTwice: 0.01, worstTwice: 0.02, disk: 1 };
const shares = [0.05, 0.3, 0.2, 0.25, 0.15, 0.05];
const lookEveryMs = 250;
const bytesPerSecondPerConnection = 20e6;

interface Scene {
  readonly engine: Engine;
  readonly link: Link;
  readonly folder: string;
  readonly endpoint: string;
  readonly image: string;
  /** Of all that the registry has to send for it. */
  readonly sizeBytes: number;
  /** For heros' environment; left out, the usual one. */
  readonly path?: string;
}

const figures = await insideFolder(values.dir, "heros-bench-", async (folder) => {
  await requireSpace(folder, imageBytes * 6);
  return withEngine(join(folder, "engine"), (engine) => withScene(folder, engine, race));
});
console.log(`\n${table(figures)}`);
if (values.check && !figures.every(holds)) process.exitCode = 1;

async function withScene<Result>(
  folder: string,
  engine: Engine,
  work: (scene: Scene, registryPort: number) => Promise<Result>,
): Promise<Result> {
  const link = openLink({ bytesPerSecond: 1e9, perConnection: bytesPerSecondPerConnection });
  const registry = await startRegistry({ folder, port: await freePort() });
  const hub = await startHub({
    repos: [{ id: benchRepo, files: [{ path: "model.safetensors", sizeBytes: 1000 }] }],
  });
  try {
    const layers: Layer[] = [];
    for (const [index, part] of shares.entries()) {
      const tar = tarOfSize(`image-${index}`, imageBytes * part, Number(values.unpacked));
      layers.push(await registry.pushLayer("bench/image", tar));
    }
    await registry.pushImage("bench/image", { tag: "1", layers, entrypoint: ["/none"] });
    const image = `127.0.0.1:${await link.lead(registry.port)}/bench/image:1`;
    const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
    const scene = { engine, link, folder, endpoint: hub.endpoint, image, sizeBytes };
    return await work(scene, registry.port);
  } finally {
    await hub.close();
    await registry.close();
    await link.close();
  }
}

async function race(scene: Scene, registryPort: number): Promise<Figure[]> {
  const { sizeBytes } = scene;
  const [heros, loaded, docker] = await overNginx(scene, registryPort, async (timed) => [
    await herosPull(timed),
    await herosPull({ ...timed, path: await desktopInPath(timed) }),
    await dockerPull(timed),
  ]);
  say([
    { way: "heros, as a registry", ...heros },
    { way: "heros, docker load", ...loaded },
    { way: "docker pull", verifiedMs: null, readyMs: docker.ms, peakBytes: docker.peakBytes },
  ]);
  const twice: number[] = [];
  for (let done = 0; done < kills; done += 1) {
    const atBytes = sizeBytes * (0.05 + 0.9 * Math.random());
    twice.push((await herosKilled(scene, atBytes)) / sizeBytes);
  }
  const dockerTwice = (await dockerInterrupted(scene, sizeBytes / 2)) / sizeBytes;
  const ofDocker = `docker pull, stopped once: ${percent(dockerTwice)}`;
  const allowed = docker.peakBytes + sizeBytes;
  return [
    beside("verified on disk", heros.verifiedMs, docker.ms, bounds.verified),
    beside("in the engine", heros.readyMs, docker.ms, bounds.inEngine),
    share(`came twice a kill, median of ${kills}`, median(twice), ofDocker, bounds.medianTwice),
    share("came twice a kill, at worst", Math.max(...twice), ofDocker, bounds.worstTwice),
    {
      name: "disk at the peak",
      measured: megabytes(heros.peakBytes),
      compared: `docker pull and the compressed size: ${megabytes(allowed)}`,
      ratio: heros.peakBytes / allowed,
      bound: bounds.disk,
    },
  ];
}

/** The same image, its layers sent by nginx out of the registry's files. */
async function overNginx<Result>(
  scene: Scene,
  registryPort: number,
  work: (scene: Scene) => Promise<Result>,
): Promise<Result> {
  installPrograms();
  const folder = join(scene.folder, "nginx");
  await mkdir(folder);
  const port = await freePort();
  const blobs = join(scene.folder, "registry/docker/registry/v2/blobs/sha256");
  const config = `${nginxHead(folder)}
http {
${nginxTempPaths(folder)}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  default_type application/octet-stream;
  server {
    listen 127.0.0.1:${port};
    location ~ ^/v2/bench/image/blobs/sha256:(?<first>..)(?<rest>[0-9a-f]+)$ {
      alias ${blobs}/$first/$first$rest/data;
    }
    location / { proxy_pass http://127.0.0.1:${registryPort}; proxy_set_header Host $http_host; }
  }
}
`;
  const pace = { port, bytesPerSecondPerConnection, sendBufferBytes: undefined };
  const image = `127.0.0.1:${port}/bench/image:1`;
  return withNginx({ folder, config, ports: [port], pace }, () => work({ ...scene, image }));
}

interface Measured {
  readonly way: string;
  /** Null where nobody can tell. */
  readonly verifiedMs: number | null;
  readonly readyMs: number;
  readonly peakBytes: number;
}

function say(ways: readonly Measured[]): void {
  console.log(
    markdownTable([
      ["way", "verified on disk", "in the engine", "disk at the peak"],
      ...ways.map(({ way, verifiedMs, readyMs, peakBytes }) => [
        way,
        verifiedMs === null ? "" : seconds(verifiedMs),
        seconds(readyMs),
        megabytes(peakBytes),
      ]),
    ]),
  );
}

/** A docker that says it is Docker Desktop's, which heros gives images by `docker load`. @returns a PATH with it */
async function desktopInPath({ folder }: Scene): Promise<string> {
  const { PATH = "" } = process.env;
  const [docker] = PATH.split(":").flatMap((each) => {
    const path = join(each, "docker");
    return existsSync(path) ? [path] : [];
  });
  const own = join(folder, "desktop");
  await mkdir(own, { recursive: true });
  const edit = 's/"OperatingSystem":"[^"]*"/"OperatingSystem":"Docker Desktop"/';
  const script = `#!/bin/sh
case $1 in
info) ${docker} "$@" | sed '${edit}' ;;
*) exec ${docker} "$@" ;;
esac
`;
  await writeFile(join(own, "docker"), script, { mode: 0o755 });
  return `${own}:${PATH}`;
}

function beside(name: string, ms: number, otherMs: number, bound: number): Figure {
  const compared = `docker pull: ${seconds(otherMs)}, ${(otherMs / ms).toFixed(2)} × as long`;
  return { name, measured: seconds(ms), compared, ratio: ms / otherMs, bound };
}

function share(name: string, value: number, compared: string, bound: number): Figure {
  return { name, measured: percent(value), compared, ratio: value, bound };
}

async function herosPull(scene: Scene) {
  return onBareMachine(scene, async (folder) => {
    const began = performance.now();
    const moments = { verifiedMs: Number.NaN, readyMs: Number.NaN };
    const pull = startPull(scene, folder);
    pull.onEvent((event) => {
      const ms = performance.now() - began;
      // What is told first of unpacking is told when all layers are verified.
      if (event.type === "image.progress" && event.phase === "unpacking")
        moments.verifiedMs = Math.min(ms, moments.verifiedMs || ms);
      if (event.type === "image.ready") moments.readyMs = ms;
    });
    const peakBytes = await peakWhile(scene, folder, pull.ended());
    return { ...moments, peakBytes };
  });
}

async function dockerPull(scene: Scene) {
  return onBareMachine(scene, async (folder) => {
    const began = performance.now();
    const pull = runDocker(scene, ["pull", "-q", scene.image]).ended();
    const ended = pull.then(() => performance.now() - began);
    const peakBytes = await peakWhile(scene, folder, ended);
    return { ms: await ended, peakBytes };
  });
}

/** @returns bytes that came over the line beyond the image's own */
async function herosKilled(scene: Scene, atBytes: number): Promise<number> {
  return onBareMachine(scene, async (folder) => {
    const { child, ended } = startPull(scene, folder);
    const exit = once(child, "exit");
    await untilBytes(scene, atBytes);
    child.kill("SIGKILL");
    await exit;
    ended().catch(() => {});
    await startPull(scene, folder).ended();
    return scene.link.takenBytes() - scene.sizeBytes;
  });
}

/** With Ctrl-C, as a person would: the engine throws away what is not whole. */
async function dockerInterrupted(scene: Scene, atBytes: number): Promise<number> {
  return onBareMachine(scene, async () => {
    const { child, ended } = runDocker(scene, ["pull", "-q", scene.image]);
    await untilBytes(scene, atBytes);
    child.kill("SIGINT");
    await ended().catch(() => {});
    await runDocker(scene, ["pull", "-q", scene.image]).ended();
    return scene.link.takenBytes() - scene.sizeBytes;
  });
}

async function untilBytes({ link }: Scene, bytes: number): Promise<void> {
  while (link.takenBytes() < bytes) {
    await sleep(5);
  }
}

/** Nothing of the image is there before, and nothing after. */
async function onBareMachine<Result>(
  scene: Scene,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const { link, image } = scene;
  const folder = join(scene.folder, "user");
  await mkdir(join(folder, "stack"), { recursive: true });
  const compose = `services:\n  her-os-core:\n    image: ${image}\n    ports: ["127.0.0.1:8000:8000"]\n`;
  await writeFile(join(folder, "stack", "docker-compose.yml"), compose);
  link.takeBytes();
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
    await runDocker(scene, ["image", "prune", "--all", "--force"]).ended();
  }
}

function startPull({ engine, endpoint, path }: Scene, folder: string) {
  const { file, args } = pullCommand(folder, endpoint, "json");
  const stack = ["--images", "--stack-dir", join(folder, "stack")];
  const env = {
    ...cleanEnv(folder),
    ...engine.env,
    ...(path === undefined ? {} : { PATH: path }),
  };
  const child = spawn(file, [...args, ...stack], { env, stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const last: string[] = [];
  lines.on("line", (line) => {
    last.push(line);
    if (last.length > 5) last.shift();
  });
  const exit = once(child, "close");
  return {
    child,
    onEvent: (hear: (event: TimedEvent) => void) =>
      void lines.on("line", (line) => hear(JSON.parse(line) as TimedEvent)),
    async ended() {
      const [code] = (await exit) as [number | null];
      if (code !== 0) throw new Error(`heros pull ended with ${code}\n${last.join("\n")}`);
    },
  };
}

function runDocker({ engine, folder }: Scene, args: readonly string[]) {
  const env = { ...cleanEnv(folder), ...engine.env };
  const child = spawn("docker", [...args], { env, stdio: ["ignore", "ignore", "inherit"] });
  const exit = once(child, "close");
  return {
    child,
    async ended() {
      const [code] = (await exit) as [number | null];
      if (code !== 0) throw new Error(`docker ${args.join(" ")} ended with ${code}`);
    },
  };
}

/** The most that the engine and the user's own folder took meanwhile, beyond what they took before. */
async function peakWhile(scene: Scene, folder: string, work: Promise<unknown>): Promise<number> {
  const places = [join(scene.folder, "engine", "data"), folder];
  const before = await usedBytes(places);
  let peak = 0;
  const state = { going: true };
  const ended = work.finally(() => void (state.going = false));
  ended.catch(() => {});
  while (state.going) {
    peak = Math.max(peak, (await usedBytes(places)) - before);
    await sleep(lookEveryMs);
  }
  await ended;
  return peak;
}
