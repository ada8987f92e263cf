import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { expect, onTestFinished, test } from "vitest";
import {
  type HandedImage,
  type HandOver,
  openHandOver,
  removeLeftNames,
} from "../../src/docker/hand-over.ts";
import { parseDockerInfo } from "../../src/docker/engine.ts";
import { loadArchive } from "../../src/docker/load-archive.ts";
import { realHost } from "../../src/host/real-host.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { createImageReporter, type ImageReporter } from "../../src/run/state/images-state.ts";
import { unpackedRatio } from "../../src/store/images/image-store.ts";
import { noise } from "../source/oci/images.ts";
import { type RealImage, realImage } from "./real-image.ts";
import { docker } from "./run-heros.ts";

const host = realHost({
  env: process.env,
  home: tmpdir(),
  cwd: tmpdir(),
  pid: process.pid,
  platform: "linux",
  nodeArch: process.arch,
});

test("an image is in Docker by its name once its last layer is verified, and its parts are let go", async () => {
  const scene = await openScene([["one", 3]]);
  const [image] = scene.images;
  for (const { digest } of image.layers.slice(0, 2)) await scene.bring(digest);
  await scene.bring(image.config.digest);
  // Unpacked while the last one is still on its way.
  expect(await docker(["image", "ls", "-q", image.name])).toBe("");
  await scene.bring(image.layers[2]?.digest ?? "");
  scene.handOver.imageVerified(image.name);

  expect(await scene.handOver.handed(image.name)).toBe(true);
  expect(await docker(["image", "inspect", "--format", "{{.Id}}", image.name])).toContain(
    "sha256:",
  );
  expect(await loopbackNames()).toEqual([]);
  await scene.handOver.close();
  expect(scene.released).toEqual([image.name]);
  expect(scene.events.at(-1)).toEqual({
    type: "image.ready",
    image: image.name,
    digest: image.digest,
  });
  expect(scene.reporter.unpackedBytes(image.name)).toBe(Number.POSITIVE_INFINITY);
  expect(scene.reporter.unpackSeconds(1_000_000, 0, 0)).toBeGreaterThan(0);
  const unpacking = scene.events.filter(({ type }) => type === "image.progress");
  expect(unpacking.at(-1)).toMatchObject({ phase: "unpacking", image: image.name });
});

test.each(["registry", "load"] as const)(
  "by %s an image is there as after a pull, and took no more disk than a setup reserves",
  async (way) => {
    const scene = await openScene([["one", 4]], { way, layerBytes: 6_000_000 });
    const [image] = scene.images;
    const { store, rootDir } = await engineStore();
    const disk = watchDisk(rootDir);
    for (const { digest } of [image.config, ...image.layers]) await scene.bring(digest);
    scene.handOver.imageVerified(image.name);
    expect(await scene.handOver.handed(image.name)).toBe(true);
    const peakBytes = await disk.end();
    const sizes = image.layers.map(({ sizeBytes }) => sizeBytes);
    const imageBytes = sizes.reduce((sum, size) => sum + size, 0);
    process.stdout.write(
      `${store}, ${way}: ${peakBytes / 1e6} MB at the peak for an image of ${imageBytes / 1e6} MB\n`,
    );
    const isContainerd = store === "containerd";
    const kept = isContainerd || way === "load" ? imageBytes : Math.max(...sizes);
    expect(peakBytes).toBeLessThan(unpackedRatio * imageBytes + kept);

    const shown = await docker(["image", "inspect", image.name]);
    const [found] = JSON.parse(shown) as [{ RepoTags: string[]; RepoDigests: string[] }];
    expect(found.RepoTags).toEqual([image.name]);
    // The classic store forgets it: docs/images.md.
    const repository = image.name.replace(/:1$/u, "");
    expect(found.RepoDigests).toEqual(isContainerd ? [`${repository}@${image.digest}`] : []);
  },
);

test("an image that Docker has stays in Docker where the download ends before it is done with it", async () => {
  const scene = await openScene([["one", 1]]);
  const [image] = scene.images;
  for (const { digest } of [image.config, ...image.layers]) await scene.bring(digest);
  expect(await scene.handOver.handed(image.name)).toBe(true);
  await scene.handOver.close();
  expect(scene.released).toEqual([]);
});

test("an image whose download ends without it is left to Docker, and so is every one behind it", async () => {
  const scene = await openScene([
    ["one", 2],
    ["two", 1],
  ]);
  const [one, two] = scene.images;
  await scene.bring(one.layers[0]?.digest ?? "");
  scene.handOver.downloadEnded();
  expect(await scene.handOver.handed(one.name)).toBe(false);
  expect(await scene.handOver.handed(two?.name ?? "")).toBe(false);
  expect(await loopbackNames()).toEqual([]);
  expect(scene.released).toEqual([]);
});

test("an image that is whole does not wait for one before it that is not", async () => {
  const scene = await openScene([
    ["one", 2],
    ["two", 2],
  ]);
  const two = scene.images[1] ?? scene.images[0];
  for (const { digest } of [two.config, ...two.layers]) await scene.bring(digest);
  scene.handOver.imageVerified(two.name);
  expect(await scene.handOver.handed(two.name)).toBe(true);
});

test("an image that Annie does not wait for is taken after all that she waits for, and after her start", async () => {
  const started = Promise.withResolvers<void>();
  const shapes = [
    ["one", 2],
    ["later", 1],
  ] as const;
  const scene = await openScene(shapes, { laterAfter: started.promise });
  const [one, later = one] = scene.images;
  for (const { config, layers } of [later, one]) {
    for (const { digest } of [config, ...layers]) await scene.bring(digest);
  }
  expect(await scene.handOver.handed(one.name)).toBe(true);
  scene.events.push({ type: "stage.started", stage: "annie" });
  started.resolve();
  expect(await scene.handOver.handed(later.name)).toBe(true);
  const told = scene.events.flatMap((event) => {
    if (event.type === "image.ready") return event.image;
    return event.type === "stage.started" ? "her start" : [];
  });
  expect(told).toEqual([one.name, "her start", later.name]);
});

test("what is cancelled in the middle of a pull leaves no name behind", async () => {
  const scene = await openScene([["one", 3]]);
  const [image] = scene.images;
  await scene.bring(image.config.digest);
  await scene.bring(image.layers[0]?.digest ?? "");
  const handed = scene.handOver.handed(image.name);
  scene.stop.abort();
  await expect(handed).rejects.toThrow("aborted");
  await scene.handOver.close();
  expect(await loopbackNames()).toEqual([]);
  await expect(docker(["image", "inspect", image.name])).rejects.toThrow("No such image");
});

test("names that a killed run left go, those of a run that is still there stay", async () => {
  const scene = await openScene([["one", 1]]);
  const [image] = scene.images;
  for (const { digest } of [image.config, ...image.layers]) await scene.bring(digest);
  scene.handOver.imageVerified(image.name);
  await scene.handOver.handed(image.name);
  const server = await host.network.listen((_request, response) => response.end());
  const left = await host.network.listen((_request, response) => response.end());
  await left.close();
  const secret = `heros-${"0".repeat(32)}`;
  for (const { port } of [server, left]) {
    await docker(["tag", image.name, `127.0.0.1:${port}/${secret}/0:run`]);
  }
  await removeLeftNames(host, scene.stop.signal);
  expect(await loopbackNames()).toEqual([`127.0.0.1:${server.port}/${secret}/0`]);
  await server.close();
  await removeLeftNames(host, scene.stop.signal);
  expect(await loopbackNames()).toEqual([]);
});

test("docker load takes the same parts, the last of which comes while it reads", async () => {
  const scene = await openScene([["one", 3]]);
  const [image] = scene.images;
  for (const { digest } of [image.config, ...image.layers]) await scene.bring(digest);
  const { exitCode, stderr } = await host.processes.run({
    command: "docker",
    args: ["load"],
    input: loadArchive({
      host,
      image,
      shelf: { has: () => true, pathOf: scene.pathOf, whenVerified: async () => {} },
      signal: scene.stop.signal,
    }),
  });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const layers = await docker([
    "image",
    "inspect",
    "--format",
    "{{len .RootFS.Layers}}",
    image.name,
  ]);
  expect(layers.trim()).toBe("3");
});

interface Scene {
  readonly images: readonly [HandedImage, ...HandedImage[]];
  readonly handOver: HandOver;
  readonly events: HerosEvent[];
  readonly released: string[];
  readonly stop: AbortController;
  readonly reporter: ImageReporter;
  readonly pathOf: (digest: string) => string;
  /** Puts a part in its place, as a download does. */
  bring(digest: string): Promise<void>;
}

interface SceneShape {
  readonly way: HandedImage["way"];
  /** Of each layer. */
  readonly layerBytes: number;
  readonly laterAfter: Promise<void>;
}

/** Images of so many layers, of which nothing is there. Annie waits for all but the one named later. */
async function openScene(
  shapes: readonly [readonly [string, number], ...(readonly [string, number])[]],
  {
    way = "registry",
    layerBytes = 2_000_000,
    laterAfter = Promise.resolve(),
  }: Partial<SceneShape> = {},
): Promise<Scene> {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-hand-over-"));
  const stop = new AbortController();
  const run = path.basename(folder).toLowerCase();
  const handed = ([name, layers]: readonly [string, number]) => {
    const files = Array.from({ length: layers }, (_, index) => ({
      path: `file-${index}`,
      content: noise(`${run} ${name} ${index}`, layerBytes),
    }));
    return asHanded(`heros.example/${run}/${name}:1`, realImage(files), way);
  };
  const [first, ...others] = shapes;
  const all = [handed(first), ...others.map(handed)] as const;
  const contents = new Map(
    all
      .flatMap(({ real }) => [real.config, ...real.layers])
      .map((part) => [part.digest, part.bytes]),
  );
  const events: HerosEvent[] = [];
  const released: string[] = [];
  const emit = (event: HerosEvent): void => void events.push(event);
  const pathOf = (digest: string): string => path.join(folder, digest.replace(":", "/"));
  await mkdir(path.join(folder, "sha256"));
  const images = [all[0].image, ...all.slice(1).map(({ image }) => image)] as const;
  const reporter = createImageReporter(emit);
  const handOver = openHandOver({
    host,
    emit,
    signal: stop.signal,
    images,
    pathOf,
    present: new Set(),
    reporter,
    laterAfter,
    onHanded: async ({ name }) => void released.push(name),
  });
  onTestFinished(async () => {
    stop.abort();
    await handOver.close();
    await docker(["image", "rm", "-f", ...images.map(({ name }) => name)]).catch(() => "");
    await rm(folder, { recursive: true, force: true });
  });
  return {
    images: [...images],
    handOver,
    events,
    released,
    stop,
    reporter,
    pathOf,
    async bring(digest) {
      await writeFile(pathOf(digest), contents.get(digest) ?? "");
      handOver.partVerified(digest);
    },
  };
}

function asHanded(
  name: string,
  real: RealImage,
  way: HandedImage["way"],
): { image: HandedImage; real: RealImage } {
  const part = ({ digest, bytes }: RealImage["config"]) => ({ digest, sizeBytes: bytes.length });
  const { digest, bytes: manifest } = real.manifest;
  const { mediaType, config, layers } = real;
  const image: HandedImage = {
    name,
    fullName: name,
    coming: new Set([config, ...layers].map((each) => each.digest)),
    engineId: null,
    way,
    neededForOnline: !name.endsWith("/later:1"),
    platform: null,
    digest,
    manifestDigest: digest,
    mediaType,
    index: null,
    manifest,
    config: part(config),
    layers: layers.map(part),
  };
  return { image, real };
}

async function loopbackNames(): Promise<string[]> {
  const names = await docker(["image", "ls", "--format", "{{.Repository}}"]);
  return names.split("\n").filter((name) => /^127\.0\.0\.1:\d+\/heros-/u.test(name));
}

/** Which of Docker's two stores of images the engine has, and where. */
async function engineStore(): Promise<{ store: "classic" | "containerd"; rootDir: string }> {
  const answer = parseDockerInfo({
    exitCode: 0,
    stdout: await docker(["info", "--format", "{{json .}}"]),
    stderr: "",
    missing: false,
  });
  if (answer.state !== "running") throw new Error("no engine");
  const { containerdImages, rootDir } = answer.info;
  return { store: containerdImages ? "containerd" : "classic", rootDir: rootDir ?? "" };
}

/** Looks again and again how much a folder takes. @returns what was added at the most */
function watchDisk(folder: string): { end: () => Promise<number> } {
  const usedBytes = async (): Promise<number> => {
    // Of what is removed meanwhile, du says so and counts the rest.
    const { stdout } = await host.processes.run({ command: "du", args: ["-sxB1", folder] });
    return Number.parseInt(stdout, 10);
  };
  const over = new AbortController();
  const watched = (async () => {
    const before = await usedBytes();
    let peak = before;
    do peak = Math.max(peak, await usedBytes());
    while (!over.signal.aborted);
    return peak - before;
  })();
  return {
    end() {
      over.abort();
      return watched;
    },
  };
}
