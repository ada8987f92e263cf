import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { freePort } from "../host/free-port.ts";
import { noise } from "../source/oci/images.ts";
import { docker, ofType } from "./run-heros.ts";
import { openScene, type Scene } from "./scene.ts";
import { startRegistry } from "./start-registry.ts";

const core = "ghcr.io/her-os/her-os-core:${HER_OS_VERSION:-latest}";
const layerBytes = 6_000_000;
const layerCount = 5;

let folder: string;
let registry: ChildProcess;
let front: Front;
let image: string;
let pushedDigest: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "heros-images-"));
  const port = await freePort();
  registry = await startRegistry({ folder, address: `127.0.0.1:${port}` });
  front = await openFront(port);
  image = `${front.host}/her-os/core:1`;
  await buildImage(image);
  pushedDigest = /sha256:[0-9a-f]{64}/u.exec(await docker(["push", image]))?.[0] ?? "";
});

afterAll(async () => {
  await front.close();
  registry.kill("SIGKILL");
  await docker(["rmi", "--force", image]).catch(() => "");
  await rm(folder, { recursive: true, force: true });
});

/**
 * Less than would be sent if half of it were fetched again. What a kill, or another connection that took over, left unread
 * in a socket counts as sent, and on a busy machine that is much.
 */
const mostSentBytes = 1.5 * layerCount * layerBytes;

test("an image that Docker lacks comes through heros, and nothing is left to pull", async () => {
  const scene = await openStack();
  const run = await scene.setup([`--port=${await freePort()}`]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });

  const [plan] = ofType(run, "plan.ready");
  expect(plan?.images?.map((each) => each.image)).toContain(image);
  expect(plan?.disks).toContainEqual(expect.objectContaining({ estimated: true }));
  const [planned] = ofType(run, "image.planned");
  expect(planned).toMatchObject({
    image,
    services: ["her-os-core"],
    neededForOnline: true,
    way: "registry",
  });
  expect(ofType(run, "image.ready")).toMatchObject([{ image, digest: planned?.digest }]);
  expect(ofType(run, "annie.online")).toHaveLength(1);
  const phases = ofType(run, "image.progress").map(({ phase }) => phase);
  expect(phases).toContain("downloading");
  expect(phases.at(-1)).toBe("unpacking");
  // The layers below them are those of an image that Docker has.
  expect(front.blobBytes()).toBeLessThan(mostSentBytes);
  expect(front.blobBytes()).toBeGreaterThan(layerCount * layerBytes);

  front.reset();
  await docker(["compose", "up", "-d"], scene.stackDir);
  expect(front.requests()).toBe(0);
  const names = await docker(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]);
  expect(names.split("\n")).toContain(image);
  expect(names).not.toMatch(/\/heros-[0-9a-f]{32}\//);
});

test("heros pull --images gives Docker the images, and starts nothing", async () => {
  const scene = await openStack();
  const run = await scene.pull(["--images"]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(ofType(run, "image.ready")).toMatchObject([{ image }]);
  expect(ofType(run, "model.ready")).toHaveLength(2);
  expect(await docker(["image", "inspect", "--format", "{{.Id}}", image])).toMatch(/^sha256:/);
  expect(await docker(["ps", "-q"])).toBe("");
  expect(await scene.files()).toEqual(["docker-compose.yml"]);
  await expect(readdir(imagesIn(scene))).rejects.toThrow("ENOENT");

  front.reset();
  const again = await scene.pull(["--images"]);
  expect(again.exitCode).toBe(0);
  expect(again.stdout).toContain("Docker has all ");
  expect(front.requests()).toBe(0);
});

test("--keep-images keeps whole images beside Docker's copy, for a Docker that lost them", async () => {
  const scene = await openStack();
  const run = await scene.pull(["--images", "--keep-images"]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(ofType(run, "image.ready")).toMatchObject([{ image }]);
  const [planned] = ofType(run, "image.planned");
  const sizes = await Promise.all(
    (await readdir(imagesIn(scene))).map(async (name) => stat(path.join(imagesIn(scene), name))),
  );
  const keptBytes = sizes.reduce((sum, { size }) => sum + size, 0);
  expect(keptBytes).toBeGreaterThanOrEqual(planned?.totalBytes ?? Number.POSITIVE_INFINITY);

  await docker(["rmi", "--force", image]);
  front.reset();
  const setup = await scene.setup([`--port=${await freePort()}`]);
  expect(setup.exitCode).toBe(0);
  expect(ofType(setup, "image.ready")).toMatchObject([{ image }]);
  expect(front.blobBytes()).toBeLessThan(100_000);
});

test("an image that compose always pulls is pulled by Docker itself, with a row of its size", async () => {
  const scene = await openStack(alwaysPulled);
  const run = await scene.pull(["--images"]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(ofType(run, "stack.command")).toMatchObject([{ command: `docker pull ${image}` }]);
  const [planned] = ofType(run, "image.planned");
  expect(planned).toMatchObject({ image, way: "pull", services: ["her-os-core"] });
  expect(planned?.totalBytes).toBeGreaterThan(layerCount * layerBytes);
  // The layers below are those of an image that Docker has.
  expect((planned?.totalBytes ?? 0) - (planned?.cachedBytes ?? 0)).toBeLessThan(mostSentBytes);
  const progress = ofType(run, "image.progress");
  expect(new Set(progress.map(({ totalBytes }) => totalBytes))).toEqual(
    new Set([planned?.totalBytes]),
  );
  expect(progress.at(-1)).toMatchObject({ phase: "unpacking" });
  expect(ofType(run, "image.ready")).toMatchObject([{ image, digest: planned?.digest }]);
});

test("in a setup, Docker pulls what only it can before its services start, and tries again", async () => {
  const scene = await openStack(alwaysPulled);
  front.failDocker(2);
  const run = await scene.setup([`--port=${await freePort()}`]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  const [planned] = ofType(run, "image.planned");
  expect(planned).toMatchObject({ image, way: "pull" });
  expect(ofType(run, "download.retrying")).toContainEqual(expect.objectContaining({ image }));
  const [ready] = ofType(run, "image.ready");
  const commands = ofType(run, "stack.command");
  const started = commands.findLast(({ command }) => command.includes("compose up"));
  expect(ready?.at).toBeLessThanOrEqual(started?.at ?? 0);
  expect(ofType(run, "annie.online")).toHaveLength(1);
});

test("an image named by its digest is pulled by Docker itself, and found by that name", async () => {
  const pinned = `${image}@${pushedDigest}`;
  const scene = await openStack((base) => base.replace(core, pinned));
  const run = await scene.pull(["--images"]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(ofType(run, "image.ready")).toMatchObject([{ image: pinned, digest: pushedDigest }]);
  await docker(["image", "inspect", pinned]);
});

test("what a killed run fetched of an image is not fetched again", async () => {
  const scene = await openStack();
  front.setThrottle(4_000_000);
  const stop = new AbortController();
  const killed = scene.setup([`--port=${await freePort()}`], {}, stop.signal);
  await expect.poll(() => front.blobBytes(), { timeout: 60_000 }).toBeGreaterThan(2 * layerBytes);
  stop.abort();
  await killed;
  const before = front.blobBytes();
  front.setThrottle(null);
  const run = await scene.setup([`--port=${await freePort()}`]);
  expect(run.exitCode).toBe(0);
  expect(ofType(run, "image.ready")).toHaveLength(1);
  expect(before).toBeLessThan(layerCount * layerBytes);
  expect(front.blobBytes()).toBeLessThan(mostSentBytes);
});

test("an image that its registry refuses to describe is left to Docker, as ever", async () => {
  const scene = await openStack((base) => base.replace(core, `${front.host}/her-os/none:1`));
  const run = await scene.setup([`--port=${await freePort()}`]);
  expect(run.events.at(-1)).toMatchObject({ type: "run.failed", code: "docker.image_missing" });
  expect(ofType(run, "image.planned")).toMatchObject([{ way: "pull", totalBytes: 0 }]);
  expect(ofType(run, "download.retrying")).toEqual([]);
});

const alwaysPulled = (base: string): string =>
  base.replace(`    image: ${core}`, `    image: ${image}\n    pull_policy: always`);

const imagesIn = ({ cacheDir }: Scene) => path.join(cacheDir, ".heros/images/blobs/sha256");

/** A stack whose core is of the registry; Docker does not have it. */
async function openStack(change = (base: string) => base.replace(core, image)): Promise<Scene> {
  await docker(["rmi", "--force", image]).catch(() => "");
  const scene = await openScene({ change });
  onTestFinished(() => front.setThrottle(null));
  front.reset();
  return scene;
}

/** Annie's stand-in with layers of its own on top. */
async function buildImage(name: string): Promise<void> {
  const root = path.join(folder, "root");
  await mkdir(root);
  const steps = Array.from({ length: layerCount }, (_, index) => `COPY part-${index} /parts/`);
  await writeFile(
    path.join(root, "Dockerfile"),
    `FROM ghcr.io/her-os/her-os-core:latest\n${steps.join("\n")}\n`,
  );
  for (let index = 0; index < layerCount; index += 1) {
    await writeFile(path.join(root, `part-${index}`), noise(`${folder} ${index}`, layerBytes));
  }
  await docker(["build", "--tag", name, root]);
}

interface Front {
  /** Where the registry is reached. */
  readonly host: string;
  /** Of the bodies of blobs, as far as they were sent. */
  blobBytes(): number;
  requests(): number;
  reset(): void;
  setThrottle(bytesPerSecond: number | null): void;
  /** So many of Docker's requests for manifests are answered with 503. */
  failDocker(count: number): void;
  close(): Promise<void>;
}

/** A server before the registry that counts what it sends. */
async function openFront(port: number): Promise<Front> {
  let blobBytes = 0;
  let requests = 0;
  let throttle: number | null = null;
  let failing = 0;
  let freeAtMs = 0;
  const server = createServer((asked, answer) => {
    requests += 1;
    const { method = "GET", url = "/", headers } = asked;
    const isDocker = headers["user-agent"]?.startsWith("docker/") === true;
    if (url.includes("/manifests/") && isDocker && failing > 0) {
      failing -= 1;
      answer.writeHead(503).end();
      return;
    }
    const isBlob = method === "GET" && url.includes("/blobs/");
    const upstream = request(
      { host: "127.0.0.1", port, method, path: url, headers },
      (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.on("data", (piece: Buffer) => {
          if (isBlob) blobBytes += piece.length;
          answer.write(piece);
          if (throttle === null || !isBlob) return;
          freeAtMs = Math.max(freeAtMs, performance.now()) + (piece.length / throttle) * 1000;
          response.pause();
          setTimeout(() => response.resume(), freeAtMs - performance.now());
        });
        response.on("end", () => answer.end());
        answer.on("close", () => response.destroy());
      },
    );
    upstream.on("error", () => answer.destroy());
    asked.pipe(upstream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    blobBytes: () => blobBytes,
    requests: () => requests,
    reset() {
      blobBytes = 0;
      requests = 0;
      failing = 0;
    },
    failDocker(count) {
      failing = count;
    },
    setThrottle(bytesPerSecond) {
      throttle = bytesPerSecond;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
