import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { freePort } from "../host/free-port.ts";
import { noise } from "../source/oci/images.ts";
import { openCells } from "./cells.ts";
import { openEngineProxy } from "./engine-proxy.ts";
import { type Front, openFront } from "./front.ts";
import { docker, ofType } from "./run-heros.ts";
import { openScene, type Scene } from "./scene.ts";
import { type Registry, startRegistry } from "./registry.ts";

const core = "ghcr.io/her-os/her-os-core:${HER_OS_VERSION:-latest}";
const layerBytes = 1_700_000;
const layerCount = 18;

let folder: string;
let registry: Registry;
let front: Front;
let image: string;
let pushedDigest: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "heros-images-"));
  const port = await freePort();
  registry = await startRegistry({ folder, port });
  front = await openFront(port);
  image = `${front.host}/her-os/core:1`;
  await buildImage(image);
  pushedDigest = /sha256:[0-9a-f]{64}/u.exec(await docker(["push", image]))?.[0] ?? "";
});

afterAll(async () => {
  await front.close();
  await registry.close();
  await docker(["rmi", "--force", image]).catch(() => "");
  await rm(folder, { recursive: true, force: true });
});

const cell = openCells();

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
  expect(ofType(run, "image.ready")).toMatchObject([{ image, digest: planned?.digest }]);
});

test("in a setup, Docker pulls what only it can before its services start, and tries again", async () => {
  const scene = await openStack(alwaysPulled);
  let failing = 2;
  front.setFault(({ kind, byDocker }) =>
    kind === "manifest" && byDocker && (failing -= 1) >= 0 ? { status: 503 } : undefined,
  );
  const run = await scene.setup([`--port=${await freePort()}`]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  const [planned] = ofType(run, "image.planned");
  expect(planned).toMatchObject({ image, way: "pull" });
  const [plan] = ofType(run, "plan.ready");
  expect(plan?.images).toContainEqual(expect.objectContaining({ image, way: "pull" }));
  expect(plan?.disks).toContainEqual(expect.objectContaining({ estimated: true }));
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

cell("kill -9 in the middle of an image of 18 layers", async () => {
  const scene = await openStack();
  const flags = [`--port=${await freePort()}`];
  const halfBytes = (layerCount * layerBytes) / 2;
  front.allow(halfBytes);
  const killed = scene.start("setup", flags);
  const planned = await killed.until(({ type }) => type === "image.planned");
  if (planned.type !== "image.planned") throw new Error("another event");
  const missingBytes = planned.totalBytes - planned.cachedBytes;
  // The last pieces that would pass may not fit.
  const mostBytes = missingBytes - halfBytes + 100_000;
  await killed.until(
    (event) =>
      event.type === "image.progress" && event.totalBytes - event.receivedBytes < mostBytes,
  );
  // Little of what is on its way by then can be lost.
  front.allow(1.01 * halfBytes);
  await expect.poll(() => front.blobBytes()).toBeGreaterThan(halfBytes);
  killed.kill("SIGKILL");
  await killed.ended;
  front.mark();
  front.allow(Number.POSITIVE_INFINITY);

  const run = await scene.setup(flags);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(ofType(run, "annie.online")).toHaveLength(1);
  expect(front.blobBytes()).toBeGreaterThanOrEqual(missingBytes);
  const share = front.twiceBytes() / missingBytes;
  expect(share).toBeLessThanOrEqual(0.05);

  const before = await docker(["ps", "--all", "--quiet", "--no-trunc"]);
  front.reset();
  await docker(["compose", "up", "-d"], scene.stackDir);
  expect(front.requests()).toBe(0);
  expect(await docker(["ps", "--all", "--quiet", "--no-trunc"])).toBe(before);
  return `exit 0, ${(100 * share).toFixed(1)} % fetched twice, Annie is online, nothing left to pull`;
});

cell("two setups at once", async () => {
  const scene = await openStack();
  // Of one connection each, nobody takes over what another has not read yet.
  const flags = [`--port=${await freePort()}`, "--max-connections=1"];
  const halfBytes = (layerCount * layerBytes) / 2;
  front.allow(halfBytes);
  const one = scene.start("setup", flags);
  await expect.poll(() => front.blobBytes()).toBeGreaterThan(halfBytes - 100_000);
  const other = scene.start("setup", flags);
  await other.until(({ type }) => type === "image.planned");
  front.allow(Number.POSITIVE_INFINITY);
  const runs = await Promise.all([one.ended, other.ended]);
  for (const run of runs) {
    expect(ofType(run, "run.failed")).toEqual([]);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ofType(run, "annie.online")).toHaveLength(1);
  }
  const share = front.blobBytes() / (layerCount * layerBytes);
  expect(share).toBeLessThanOrEqual(1.05);
  return `both exit 0, Annie is online, ${(100 * share).toFixed(1)} % fetched`;
});

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  cell(`${signal} while Annie is started`, async () => {
    const scene = await openStack();
    const flags = [`--port=${await freePort()}`];
    const engine = await openEngineProxy();
    const isCreated = engine.hold(/^POST \S*\/containers\/create\?\S*her-os-core/u);
    const env = { DOCKER_HOST: engine.address };
    const ended = scene.start("setup", flags, { env });
    await Promise.race([isCreated, ended.ended]);
    ended.kill(signal);
    const first = await ended.ended;
    await engine.kill();
    if (signal === "SIGINT") {
      expect(first.events.at(-1)).toMatchObject({ type: "run.cancelled", exitCode: 130 });
      expect(first).toMatchObject({ exitCode: 130, stderr: "" });
    } else expect(first.exitCode).toBe(-1);
    const fetchedBytes = front.blobBytes();
    const run = await scene.setup(flags);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ofType(run, "annie.online")).toHaveLength(1);
    expect(front.blobBytes() - fetchedBytes).toBeLessThan(10_000);
    return "then exit 0, nothing fetched again, Annie is online";
  });
}

test("an image that its registry refuses to describe is left to Docker, as ever", async () => {
  const scene = await openStack((base) => base.replace(core, `${front.host}/her-os/none:1`));
  const run = await scene.setup([`--port=${await freePort()}`]);
  expect(run.events.at(-1)).toMatchObject({ type: "run.failed", code: "docker.image_missing" });
  expect(ofType(run, "image.planned")).toMatchObject([{ way: "pull", totalBytes: 0 }]);
  expect(ofType(run, "download.retrying")).toEqual([]);
});

/** A service that Annie waits for, or not, and whose image ends with a layer of this instruction. */
const builtBy = (instruction: string): string => `services:
  tools:
    build:
      context: .
      network: none
      dockerfile_inline: |
        FROM redis:7.4.5-bookworm
        ${instruction}
`;

test("an image that the stack builds is built before its service starts", async () => {
  const scene = await openStack(undefined, builtBy("COPY docker-compose.yml /"));
  onTestFinished(async () => {
    await docker(["rmi", "--force", `${path.basename(scene.stackDir)}-tools`]).catch(() => "");
  });
  const run = await scene.setup([`--port=${await freePort()}`]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  const states = ofType(run, "container.changed").filter(({ service }) => service === "tools");
  expect(states.slice(0, 1)).toMatchObject([{ state: "building" }]);
  expect(states).toContainEqual(expect.objectContaining({ state: "building", step: 2, steps: 2 }));
  expect(states.map(({ state }) => state)).toContain("built");
  expect(states.at(-1)?.state).toBe("running");
});

test("a build that fails ends the run with its last lines", async () => {
  const failing = builtBy('RUN ["/bin/sh", "-c", "echo the words of the build; exit 3"]');
  const scene = await openStack(
    (base) =>
      base
        .replace(core, image)
        .replace(
          /(her-os-core:[^]*?depends_on:\n)/u,
          "$1      tools: {condition: service_started}\n",
        ),
    failing,
  );
  const run = await scene.setup([`--port=${await freePort()}`]);
  expect(run.exitCode).toBe(1);
  expect(run.events.at(-1)).toMatchObject({
    type: "run.failed",
    code: "stack.build_failed",
    message: expect.stringMatching(/image of tools[^]*the words of the build/u) as string,
  });
  expect(await docker(["ps", "-q", "--filter", "name=her-os-core"])).toBe("");
});

const alwaysPulled = (base: string): string =>
  base.replace(`    image: ${core}`, `    image: ${image}\n    pull_policy: always`);

const imagesIn = ({ cacheDir }: Scene) => path.join(cacheDir, ".heros/images/blobs/sha256");

/** A stack whose core is of the registry; Docker does not have it. */
async function openStack(
  change = (base: string) => base.replace(core, image),
  override?: string,
): Promise<Scene> {
  // One that was pulled by its digest has that name alone.
  await docker(["rmi", "--force", image, `${image}@${pushedDigest}`]).catch(() => "");
  const scene = await openScene({ change, ...(override === undefined ? {} : { override }) });
  onTestFinished(() => {
    front.allow(Number.POSITIVE_INFINITY);
    front.setThrottle(null);
    front.setFault(null);
  });
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
