import { describe, expect, test } from "vitest";
import type { Host } from "../../src/host/host.ts";
import { createPauseSwitch } from "../../src/run/run-control.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import type { Seen } from "../source/oci/registry-server.ts";
import { image, imageOf, type ImageScene, openImageScene } from "./image-scene.ts";
import { model } from "./scene.ts";

const core = imageOf({ base: 900_000, core: 600_000, small: 3000 });
const voice = imageOf({ base: 900_000, voice: 500_000 });
const weights = { path: "model.safetensors", sizeBytes: 800_000 };
const repos = ["o/first", "o/later"].map((id) => ({
  id,
  files: [weights, { path: "config.json", content: `{"of":"${id}"}` }],
}));
const first = model("first", "o/first");
const later = model("later", "o/later", { priority: 2 });
const images = [image("her-os/core:1"), image("acme/voice:1", { neededForOnline: false })];

async function openBoth(intercept?: (seen: Seen) => object | undefined): Promise<ImageScene> {
  const scene = await openImageScene({
    hub: { repos },
    registry: intercept === undefined ? {} : { intercept },
  });
  scene.registry.push("her-os/core", "1", core);
  scene.registry.push("acme/voice", "1", voice);
  return scene;
}

/** Of a layer, as the registry sees it asked for; null for everything else. */
function layerOf({ method, url }: Pick<Seen, "method" | "url">): string | null {
  const digest = /\/blobs\/(.+)$/u.exec(url)?.[1];
  const isConfig = [core, voice].some(({ blobs: [config] }) => config?.digest === digest);
  return method === "GET" && digest !== undefined && !isConfig ? digest : null;
}

test("one pool brings images and models, each told as what it is", async () => {
  await using scene = await openBoth();
  const layers: string[] = [];
  const ready: string[] = [];
  let askedBefore = Number.NaN;
  await scene.pullBoth(
    { models: [first, later], images },
    {
      onLayerVerified: ({ path }) => void layers.push(path),
      onImageVerified: ({ title }) => void ready.push(title),
      onEvent({ type }) {
        if (type === "image.planned")
          askedBefore = scene.registry.seen.filter((seen) => layerOf(seen) !== null).length;
      },
    },
  );
  expect(askedBefore).toBe(0);
  const names = ["her-os/core:1", "acme/voice:1"].map(scene.nameOf);
  expect(scene.of("image.planned")).toMatchObject([
    {
      image: names[0],
      digest: core.digest,
      services: ["core"],
      neededForOnline: true,
      cachedBytes: 0,
    },
    { image: names[1], digest: voice.digest, services: ["voice"], neededForOnline: false },
  ]);
  const own = voice.blobs.filter(
    ({ digest }) => !core.blobs.some((each) => each.digest === digest),
  );
  const sizes = [core.blobs, own].map((blobs) =>
    blobs.reduce((sum, { bytes }) => sum + bytes.length, 0),
  );
  expect(scene.of("image.planned").map(({ totalBytes }) => totalBytes)).toEqual(sizes);
  const all = [...core.blobs, ...voice.blobs].map(({ digest }) => digest);
  expect(new Set(layers)).toEqual(new Set(all));
  expect(layers).toHaveLength(all.length - 1);
  expect(new Set(ready)).toEqual(new Set(names));
  const modelBytes = 2 * (weights.sizeBytes + 16);
  expect(scene.of("download.planned")).toMatchObject([{ files: 4, totalBytes: modelBytes }]);
  expect(scene.of("download.progress").at(-1)).toMatchObject({
    receivedBytes: modelBytes,
    totalBytes: modelBytes,
    onlineEtaSeconds: 0,
    models: [{ id: "first" }, { id: "later" }],
  });
  const isReady = scene.of("model.ready").map(({ id }) => id);
  expect(new Set(isReady)).toEqual(new Set(["first", "later"]));
  const imageBytes = new Map(
    [...core.blobs, ...voice.blobs].map(({ digest, bytes }) => [digest, bytes.length]),
  );
  const fetchedBytes = [...imageBytes.values()].reduce((sum, bytes) => sum + bytes, modelBytes);
  expect(scene.of("download.finished")).toMatchObject([{ fetchedBytes }]);
  const paths = [...scene.of("file.started"), ...scene.of("file.verified")].map(({ path }) => path);
  expect(new Set(paths)).toEqual(new Set([weights.path, "config.json"]));
});

test("what Annie needs to be online comes first, images and models, then other images, then other models", async () => {
  const order: string[] = [];
  await using scene = await openBoth((seen) => {
    if (layerOf(seen) !== null) order.push(seen.url.split("/blobs/")[0] ?? "");
    return undefined;
  });
  scene.served.setIntercept(({ origin, file }) => {
    if (origin === "content" && file?.path === weights.path) order.push(file.repo);
    return undefined;
  });
  await scene.pullBoth(
    { models: [first, later], images: images.toReversed() },
    { maxConnections: 1 },
  );
  const turns = order.filter((each, index) => each !== order[index - 1]);
  expect(turns).toEqual(["/v2/her-os/core", "o/first", "/v2/acme/voice", "o/later"]);
});

test("the layers of an image come from the lowest on", async () => {
  await using scene = await openBoth();
  await scene.pullBoth({ images }, { maxConnections: 1 });
  const asked = scene.registry.seen.flatMap((seen) => layerOf(seen) ?? []);
  const wanted = [...core.blobs.slice(1), ...voice.blobs.slice(1)].map(({ digest }) => digest);
  expect([...new Set(asked)]).toEqual([...new Set(wanted)]);
});

test("nothing of a later kind is asked for before all of the earlier is, whichever server has it", async () => {
  let asked = 0;
  let tooSoon = 0;
  const missing = core.blobs.slice(1).reduce((sum, { bytes }) => sum + bytes.length, 0);
  await using scene = await openImageScene({
    hub: {
      repos,
      intercept({ file, origin, method }) {
        if (file !== null && method === "GET" && origin === "content" && asked < missing)
          tooSoon += 1;
        return undefined;
      },
    },
    registry: {
      intercept(seen) {
        const [, start, last] = /^bytes=(\d+)-(\d+)$/u.exec(seen.range ?? "") ?? [];
        const digest = layerOf(seen);
        const size = core.blobs.find((each) => each.digest === digest)?.bytes.length ?? 0;
        if (digest !== null) asked += start === undefined ? size : Number(last) + 1 - Number(start);
        return undefined;
      },
    },
  });
  scene.registry.push("her-os/core", "1", core);
  await scene.pullBoth({ models: [later], images: images.slice(0, 1) }, { maxConnections: 8 });
  expect(tooSoon).toBe(0);
  expect(asked).toBe(missing);
  expect(scene.of("model.ready")).toHaveLength(1);
});

test("a rate limit and a number of connections hold over both", async () => {
  await using scene = await openBoth();
  const bytes = 2_000_000 + 800_000;
  const { clock } = scene.host;
  const beganMs = clock.monotonicMs();
  await scene.pullBoth(
    { models: [first], images },
    { limitBytesPerSecond: 600_000, maxConnections: 2, tuning: { progressMs: 50 } },
  );
  expect(clock.monotonicMs() - beganMs).toBeGreaterThan((bytes / 600_000) * 1000 * 0.85);
  const lanes = scene.of("download.progress").map((event) => event.lanes);
  expect(Math.max(...lanes)).toBe(2);
});

test("images are told five times a second at most", async () => {
  await using scene = await openBoth();
  const toldMs: number[] = [];
  await scene.pullBoth(
    { images },
    {
      limitBytesPerSecond: 400_000,
      tuning: { progressMs: 50 },
      onEvent({ type }) {
        if (type === "image.progress") toldMs.push(scene.host.clock.monotonicMs());
      },
    },
  );
  expect(toldMs.length).toBeGreaterThan(4);
  for (const atMs of toldMs) {
    expect(toldMs.filter((each) => each > atMs - 990 && each <= atMs).length).toBeLessThanOrEqual(
      5,
    );
  }
  const progress = scene.of("image.progress");
  expect(progress.every(({ receivedBytes, totalBytes }) => receivedBytes <= totalBytes)).toBe(true);
});

test("a pause holds layers too, and goes on from the same bytes", async () => {
  await using scene = await openBoth();
  const pause = createPauseSwitch();
  let asked = Number.NaN;
  const layersAsked = (): number =>
    scene.registry.seen.filter((seen) => layerOf(seen) !== null).length;
  let turned = false;
  await scene.pullBoth(
    { images },
    {
      pause,
      limitBytesPerSecond: 600_000,
      tuning: { progressMs: 50, idleMs: 60_000 },
      onEvent(event) {
        if (event.type === "image.progress" && !turned) {
          turned = true;
          pause.toggle();
        }
        if (event.type !== "download.paused") return;
        asked = layersAsked();
        pause.toggle();
      },
    },
  );
  const types = scene.events.map(({ type }) => type);
  expect(types).toContain("download.paused");
  expect(types).toContain("download.resumed");
  expect(layersAsked()).toBeGreaterThan(asked);
  const stored = await scene.images().readImage(scene.nameOf("her-os/core:1"));
  expect(stored).toMatchObject({ isWhole: true });
});

test("a model that is whole has its name while an image still waits for another heros", async () => {
  await using scene = await openBoth();
  const { fileLocks } = scene.host;
  const order: string[] = [];
  let layers = 0;
  const isHeld = (): boolean => layers > 0 && !order.includes("first");
  const host: Host = {
    ...scene.host,
    fileLocks: {
      ...fileLocks,
      acquire: async (lock) =>
        isHeld() && lock.endsWith("/heros-images.lock") ? "busy" : fileLocks.acquire(lock),
    },
  };
  await scene.pullBoth(
    { models: [first], images: images.slice(0, 1) },
    {
      host,
      onLayerVerified: () => void (layers += 1),
      onModelReady: (id) => void order.push(id),
      onImageVerified: ({ title }) => void order.push(title),
    },
  );
  expect(order).toEqual(["first", scene.nameOf("her-os/core:1")]);
});

describe("what concerns one server", () => {
  test("is waited for without the other: models come while a registry asks us to wait", async () => {
    let limited = true;
    const slowDown = { answer: { status: 429, headers: { "retry-after": "3" } } };
    await using scene = await openBoth((seen) =>
      limited && layerOf(seen) !== null ? slowDown : undefined,
    );
    const order: string[] = [];
    await scene.pullBoth(
      { models: [first], images: images.slice(0, 1) },
      {
        onModelReady(id) {
          order.push(id);
          limited = false;
        },
        onImageVerified: ({ title }) => void order.push(title),
      },
    );
    expect(order).toEqual(["first", scene.nameOf("her-os/core:1")]);
    const name = scene.nameOf("her-os/core:1");
    expect(scene.of("download.retrying")).toContainEqual(
      expect.objectContaining({ image: name, scope: "file" }),
    );
  });

  test("ends its own images alone, and models of their kind are ready", async () => {
    await using scene = await openBoth((seen) =>
      layerOf(seen) === null ? undefined : { reset: true },
    );
    await expect(
      scene.pullBoth(
        { models: [first, later], images: images.slice(0, 1) },
        { tuning: { failAfterMs: 4000 } },
      ),
    ).rejects.toMatchObject({ code: "registry.unreachable", exitCode: 5 });
    // Nothing that Annie needs can use a connection any more, so the later model may.
    expect(scene.of("model.ready").map(({ id }) => id)).toContain("first");
  });

  test("a Hub that is down does not hold images up", async () => {
    await using scene = await openBoth();
    const survey = await scene.surveyBoth({ models: [first], images });
    expect(survey.images).toHaveLength(2);
    const ready: string[] = [];
    scene.served.setIntercept(({ origin }) => (origin === "content" ? { reset: true } : undefined));
    await expect(
      scene.pullBoth(
        { models: [first], images: images.slice(0, 1) },
        {
          tuning: { failAfterMs: 4000 },
          onImageVerified: ({ title }) => void ready.push(title),
        },
      ),
    ).rejects.toMatchObject({ code: "hub.unreachable", exitCode: 5 });
    expect(ready).toEqual([scene.nameOf("her-os/core:1")]);
  });
});

test("a layer whose digest does not match three times ends with 6, and says which image's", async () => {
  const [, , own] = core.blobs;
  await using scene = await openBoth((seen) =>
    layerOf(seen) === own?.digest ? { flip: true } : undefined,
  );
  await expect(
    scene.pullBoth({ models: [first], images: images.slice(0, 1) }),
  ).rejects.toMatchObject({
    code: "download.hash_mismatch",
    exitCode: 6,
    message: expect.stringContaining(`A layer of ${scene.registry.host}/her-os/core`) as string,
  });
  expect(scene.of("model.ready").map(({ id }) => id)).toEqual(["first"]);
  const stored = await scene.images().readImage(scene.nameOf("her-os/core:1"));
  expect(stored).toMatchObject({ isWhole: false });
});

test("a disk that has room for the models, or for the images, but not for both is too small", async () => {
  await using scene = await openBoth();
  const withFree = (freeBytes: number): Host => {
    const statfs = async (path: string) =>
      Object.assign(await scene.host.files.statfs(path), { bsize: 1, bavail: freeBytes });
    const files = { ...scene.host.files, statfs: statfs as Host["files"]["statfs"] };
    return { ...scene.host, files };
  };
  const host = withFree(66_500_000);
  const events = (): readonly HerosEvent[] => scene.events;
  await expect(scene.pullBoth({ models: [first], images }, { host })).rejects.toMatchObject({
    code: "disk.too_small",
    exitCode: 7,
    message: expect.stringContaining("the models and images need") as string,
  });
  expect(events().map(({ type }) => type)).not.toContain("image.planned");
  await scene.pullBoth({ images }, { host });
  await scene.pullBoth({ models: [first] }, { host });
});
