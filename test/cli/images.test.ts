import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import { reposForCatalog } from "../../src/demo/hub/catalog-repos.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { platformOf } from "../../src/source/oci/manifest.ts";
import { mountDisk } from "../download/small-disk.ts";
import { type Image, makeImage, noise } from "../source/oci/images.ts";
import { type RegistryServer, startRegistry } from "../source/oci/registry-server.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";

const catalogFile = fileURLToPath(new URL("../../assets/catalogs/her-os.yaml", import.meta.url));

let sandbox: Sandbox;
let hub: EmbeddedHub;
let registry: RegistryServer;

const core = imageOf(noise("base", 300_000), noise("core", 400_000));
const redis = imageOf(noise("base", 300_000), noise("redis", 100_000));

/** For this machine. */
function imageOf(...layers: readonly Buffer[]): Image {
  return makeImage(layers, { platform: platformOf({ arch: os.machine() }) });
}

beforeEach(async () => {
  sandbox = await makeSandbox();
  const catalog = parseCatalog(await readFile(catalogFile, "utf8"), catalogFile);
  hub = await startHub({ repos: reposForCatalog(catalog, { scale: 0.000_01 }) });
  registry = await startRegistry();
  registry.push("her-os/core", "1", core);
  registry.push("library/redis", "7", redis);
});

afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await hub.close();
  await sandbox[Symbol.asyncDispose]();
});

const stackDir = () => path.join(sandbox.dir, "stack");
const blobsDir = () => path.join(sandbox.dir, "hub/.heros/images/blobs/sha256");

/** The stack of the test, whose images are of the registry. */
/** @param ofCore more lines of the core's service */
async function writeStack(ofCore = ""): Promise<void> {
  await sandbox.file(
    "stack/docker-compose.yml",
    `services:
  her-os-core:
    image: \${CORE:-${registry.host}/her-os/core:1}
    depends_on: [redis]${ofCore}
  redis:
    image: ${registry.host}/library/redis:7
  built:
    build: .
  off:
    image: ${registry.host}/none:1
    profiles: [other]
`,
  );
}

function pull(...flags: readonly string[]) {
  const places = ["--stack-dir", stackDir(), "--cache-dir", path.join(sandbox.dir, "hub")];
  return sandbox.run([
    "pull",
    "--images",
    "--tiers=1",
    `--endpoint=${hub.endpoint}`,
    ...places,
    ...flags,
  ]);
}

const layerRequests = () => registry.seen.filter(({ url }) => url.includes("/blobs/")).length;

test("without Docker, images are downloaded with the models and kept for when there is one", async () => {
  await writeStack();
  const run = await pull("--json");
  expect({ ...run, stdout: "" }).toMatchObject({ exitCode: 0, stderr: "" });
  const planned = run.events().filter((event) => event.type === "image.planned");
  // First what Annie's services wait for.
  expect(planned).toMatchObject([
    {
      image: `${registry.host}/library/redis:7`,
      digest: redis.digest,
      services: ["redis"],
      neededForOnline: true,
    },
    {
      image: `${registry.host}/her-os/core:1`,
      digest: core.digest,
      services: ["her-os-core"],
      neededForOnline: true,
    },
  ]);
  const there = await readdir(blobsDir());
  const wanted = [...core.blobs, ...redis.blobs].map(({ digest }) => digest.slice(7));
  expect(there).toEqual(expect.arrayContaining(wanted));
  expect(run.events().at(-1)).toMatchObject({ type: "run.succeeded" });
  expect(run.stdout).toContain("heros setup gives them to Docker once there is one");
  expect(run.events().filter(({ type }) => type === "model.ready")).toHaveLength(2);

  const before = layerRequests();
  const again = await pull("--json");
  expect(again.exitCode).toBe(0);
  // The configuration is read to find out what an image is.
  const blobs = registry.seen.slice(-4).filter(({ range }) => range !== undefined);
  expect(blobs).toEqual([]);
  expect(layerRequests() - before).toBeLessThanOrEqual(2);
});

test.each(["plain", "accessible"])(
  "%s output tells of images and of where they are",
  async (how) => {
    await writeStack();
    const run = await pull(`--output=${how}`);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toMatch(/Downloading image core/u);
    expect(run.stdout).toMatch(/Models are ready/u);
    expect(run.stdout).toMatch(/Downloaded 2 images into \S+hub/u);
  },
);

test("a pull without --images asks no registry", async () => {
  await writeStack();
  const flags = ["--tiers=1", `--endpoint=${hub.endpoint}`, "--stack-dir", stackDir()];
  expect((await sandbox.run(["pull", ...flags])).exitCode).toBe(0);
  expect(registry.seen).toEqual([]);
});

test("an image that its registry does not have ends the pull before the first byte", async () => {
  await writeStack();
  const run = await sandbox.run(
    [
      "pull",
      "--images",
      "--tiers=1",
      `--endpoint=${hub.endpoint}`,
      "--stack-dir",
      stackDir(),
      "--json",
    ],
    { env: { CORE: `${registry.host}/her-os/core:none` } },
  );
  expect(run.events().at(-1)).toMatchObject({ type: "run.failed", exitCode: 2 });
  expect(run.stdout).toContain("her-os/core:none");
  expect(hub.sentBytes()).toBe(0);
});

test("HF_HUB_OFFLINE takes what is stored, and asks nobody", async () => {
  await writeStack();
  expect((await pull()).exitCode).toBe(0);
  const asked = registry.seen.length;
  const places = ["--stack-dir", stackDir(), "--cache-dir", path.join(sandbox.dir, "hub")];
  const args = ["pull", "--images", "--tiers=1", `--endpoint=${hub.endpoint}`, ...places];
  const run = await sandbox.run(args, { env: { HF_HUB_OFFLINE: "1" } });
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(registry.seen.length).toBe(asked);
});

test("a value of the switch that is neither yes nor no is refused", async () => {
  const args = ["pull", "--json"];
  const run = await sandbox.run(args, { env: { HEROS_KEEP_IMAGES: "maybe" } });
  expect(run.events().at(-1)).toMatchObject({ type: "run.failed", code: "settings.bad_value" });
  expect(run.stdout).toContain("HEROS_KEEP_IMAGES");
});

/** A Docker that is running, has these images, and keeps them in a folder. */
async function addDocker(rootDir: string, has: readonly string[] = []): Promise<void> {
  const { architecture } = platformOf({ arch: os.machine() });
  const info = { ServerVersion: "28.3.3", DockerRootDir: rootDir, OperatingSystem: "Debian" };
  const services = {
    "her-os-core": { image: `${registry.host}/her-os/core:1`, depends_on: { redis: {} } },
    redis: { image: `${registry.host}/library/redis:7` },
  };
  const ids = has.map((_name, index) => `sha256:${String(index).padStart(64, "0")}`);
  const shown = has.map((name, index) => {
    const image = {
      id: ids[index],
      names: [name],
      os: "linux",
      architecture,
      unpackedBytes: 900_000,
    };
    return `echo '${JSON.stringify(image)}'`;
  });
  await sandbox.command(
    "docker",
    `case "$*" in
info*) echo '${JSON.stringify(info)}' ;;
version*) echo '{"Components":[{"Name":"Engine"}]}' ;;
"context inspect"*) echo unix:///var/run/docker.sock ;;
"compose version"*) echo 2.39.1 ;;
compose*config*) echo '${JSON.stringify({ services })}' ;;
"image inspect"*) ${[...shown, ":"].join("; ")} ;;
"image ls"*) echo '${ids.join("\n")}' ;;
*) exit 1 ;;
esac`,
  );
}

function dryRun(...flags: readonly string[]) {
  const places = ["--stack-dir", stackDir(), "--cache-dir", path.join(sandbox.dir, "hub")];
  const consent = ["--yes", "--allow-unsupported", "--dry-run", "--tiers=1"];
  return sandbox.run(["setup", ...consent, `--endpoint=${hub.endpoint}`, ...places, ...flags]);
}

test("a dry run tells images, what each disk has to hold, and the speed of the link", async () => {
  await writeStack();
  await addDocker(sandbox.dir, [`${registry.host}/library/redis:7`]);
  const run = await dryRun("--json");
  expect({ ...run, stdout: "" }).toMatchObject({ exitCode: 0, stderr: "" });
  const plan = run.events().find((event) => event.type === "plan.ready");
  const size = core.blobs.reduce((sum, { bytes }) => sum + bytes.length, 0);
  expect(plan).toMatchObject({
    images: [
      { image: `${registry.host}/library/redis:7`, totalBytes: 0, unpackedBytes: 900_000 },
      { image: `${registry.host}/her-os/core:1`, totalBytes: size, cachedBytes: 0 },
    ],
    disks: [{ what: ["models", "images"], estimated: true }],
  });
  expect(plan?.bytesPerSecond).toBeGreaterThan(0);
  // Models and layers, and the layers unpacked.
  const [disk] = plan?.disks ?? [];
  expect(disk?.neededBytes).toBeGreaterThan((plan?.totalBytes ?? 0) + size * 3.5);
  await expect(readdir(path.join(sandbox.dir, "hub"))).rejects.toThrow("ENOENT");

  const { stdout } = await dryRun("--output=plain");
  expect(stdout).toMatch(
    /Images: core 70\d kB; about 1\.7\d MB unpacked \(estimate\); 1 already in Docker/u,
  );
  expect(stdout).toMatch(/Disk: about \S+ MB for models and images \(estimate\), \S+ [GT]B free/u);
});

const addBase = () => sandbox.file("stack/docker-compose.heros.yml", "services: {}\n");

function read(...args: readonly string[]) {
  const places = ["--stack-dir", stackDir(), "--cache-dir", path.join(sandbox.dir, "hub")];
  return sandbox.run([...args, ...places]);
}

test("status tells which images Docker has, and what heros has of the others, and asks no registry", async () => {
  await writeStack();
  await addBase();
  const statusOf = async () => {
    const run = await read("status", "--json");
    return run.events().find((event) => event.type === "status.read");
  };
  const [coreName, redisName] = [
    `${registry.host}/her-os/core:1`,
    `${registry.host}/library/redis:7`,
  ];
  const unknown = { state: "unknown", totalBytes: null, receivedBytes: 0 };
  expect((await statusOf())?.images).toEqual([
    { image: redisName, services: ["redis"], ...unknown },
    { image: coreName, services: ["her-os-core"], ...unknown },
  ]);
  expect((await pull()).exitCode).toBe(0);
  const asked = registry.seen.length;
  await addDocker(sandbox.dir, [redisName]);
  const size = core.blobs.reduce((sum, { bytes }) => sum + bytes.length, 0);
  expect((await statusOf())?.images).toMatchObject([
    { image: redisName, state: "here" },
    { image: coreName, state: "stored", totalBytes: size, receivedBytes: size },
  ]);
  const { stdout } = await read("status", "--output=plain");
  expect(stdout).toContain("Images of its services: Docker has 1 of 2");
  expect(stdout).toMatch(/Image core: downloaded, 70\d kB, not in Docker yet/u);
  expect(registry.seen.length).toBe(asked);
});

test("status of a machine where nothing was set up names no images", async () => {
  const run = await read("status", "--json");
  const event = run.events().find(({ type }) => type === "status.read");
  expect(event).toBeDefined();
  expect(event).not.toHaveProperty("images");
});

test("doctor tells which images are missing, and judges Docker's disk by them", async ({
  skip,
}) => {
  await writeStack();
  await addDocker(sandbox.dir, [`${registry.host}/library/redis:7`]);
  const doctor = () =>
    read("doctor", "--allow-unsupported", "--tiers=1", "--json", `--endpoint=${hub.endpoint}`);
  const told = (await doctor()).events().filter((event) => event.type === "check.finished");
  expect(told).toContainEqual(
    expect.objectContaining({
      id: "images",
      found: `Docker has 1 of 2; 700 kB to download for ${registry.host}/her-os/core:1`,
    }),
  );
  // What models take is known by the cache alone.
  expect(
    (
      await sandbox.run([
        "pull",
        "--tiers=1",
        `--endpoint=${hub.endpoint}`,
        "--cache-dir",
        path.join(sandbox.dir, "hub"),
      ])
    ).exitCode,
  ).toBe(0);
  const rootDir = path.join(sandbox.dir, "docker");
  await mkdir(rootDir);
  using disk = mountDisk(rootDir, "size=4m");
  if (disk === null) skip();
  await addDocker(rootDir);
  const run = await doctor();
  expect(JSON.stringify(run.events().at(-1))).toContain(`Not enough disk space in ${rootDir}`);
});

test("doctor counts the images that only Docker can pull, too", async () => {
  await writeStack("\n    pull_policy: always");
  await addDocker(sandbox.dir, [`${registry.host}/library/redis:7`]);
  const doctor = await read("doctor", "--tiers=1", "--json", `--endpoint=${hub.endpoint}`);
  expect(doctor.events()).toContainEqual(
    expect.objectContaining({
      id: "images",
      found: `Docker has 1 of 2; 700 kB to download for ${registry.host}/her-os/core:1`,
    }),
  );
});

test("images that do not fit on Docker's disk end a setup before the first byte", async ({
  skip,
}) => {
  await writeStack();
  const rootDir = path.join(sandbox.dir, "docker");
  await mkdir(rootDir);
  using disk = mountDisk(rootDir, "size=4m");
  if (disk === null) skip();
  await addDocker(rootDir);
  const run = await dryRun("--json");
  expect(run.events().at(-1)).toMatchObject({ code: "disk.too_small", exitCode: 7 });
  const told = JSON.stringify(run.events().at(-1));
  expect(told).toContain(`Not enough disk space in ${rootDir}: the images need about `);
  expect(told).toMatch(/Free \d\S* MB, then run this again/u);
  expect(hub.sentBytes()).toBe(0);
});

test("a registry that makes us wait is named meanwhile", async () => {
  let left = 2;
  const busy = { answer: { status: 429, headers: { "retry-after": "2" } } };
  const intercept = ({ url }: { readonly url: string }) =>
    url.includes("/manifests/") && (left -= 1) >= 0 ? busy : undefined;
  await using other = await startRegistry({ intercept });
  other.push("her-os/core", "1", core);
  await writeStack();
  await sandbox.file("stack/.env", `CORE=${other.host}/her-os/core:1\n`);
  const told = await pull("--json");
  expect(told.exitCode).toBe(0);
  const waits = told.events().filter(({ type }) => type === "registry.waiting");
  expect(waits[0]).toMatchObject({ registry: other.host, attempt: 1, delayMs: 2000 });
  left = 1;
  await rm(path.join(sandbox.dir, "hub"), { recursive: true });
  const shown = await pull();
  expect(shown.stdout + shown.stderr).toContain(
    `Waiting for ${other.host}: ${other.host} asks us to slow down. Retrying for another`,
  );
});

test("images that Docker refuses to take from this user stay cached, it is said why, and is no success", async () => {
  await writeStack();
  const words = "permission denied while trying to connect to the Docker daemon socket";
  await sandbox.command("docker", `echo "${words} at unix:///var/run/docker.sock" >&2; exit 1`);
  const run = await pull("--json");
  expect(run).toMatchObject({ exitCode: 4, stderr: "" });
  expect(run.events().at(-1)).toMatchObject({
    type: "run.failed",
    code: "docker.images_not_given",
    message: expect.stringMatching(
      /^You don't have permission to use Docker\. The models are ready, and heros keeps 2 images in/u,
    ) as string,
    hint: expect.stringMatching(/^Run: sudo usermod/u) as string,
  });
  expect(run.events().filter(({ type }) => type === "model.ready")).toHaveLength(2);
  const wanted = [...core.blobs, ...redis.blobs].map(({ digest }) => digest.slice(7));
  expect(await readdir(blobsDir())).toEqual(expect.arrayContaining(wanted));
});
