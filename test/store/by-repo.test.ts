import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { storeByRepo } from "../../src/store/by-repo.ts";
import { openHubCache } from "../../src/store/hub-cache/hub-cache.ts";
import { openOllamaStore } from "../../src/store/ollama/ollama-store.ts";
import { type NeededSpace, requireSpace } from "../../src/store/store.ts";
import { image, imageOf, type ImageScene, openImageScene } from "../download/image-scene.ts";
import { model } from "../download/scene.ts";

const core = imageOf({ base: 300_000, core: 100_000 });
const layerBytes = core.blobs.reduce((sum, { bytes }) => sum + bytes.length, 0);
const weights = { path: "model.safetensors", sizeBytes: 500_000 };
const wanted = { models: [model("m", "o/m")], images: [image("her-os/core:1")] };

async function openBoth(): Promise<ImageScene> {
  const scene = await openImageScene({ hub: { repos: [{ id: "o/m", files: [weights] }] } });
  scene.registry.push("her-os/core", "1", core);
  return scene;
}

function storeOf({ host, cacheDir, images }: ImageScene, changes = {}) {
  return storeByRepo({ hub: openHubCache({ host, cacheDir }), oci: images(host, changes) });
}

test("each finds what is its own, and models' folders are made only where a model is missing", async () => {
  await using scene = await openBoth();
  await scene.pullBoth({ images: wanted.images });
  expect(await readdir(scene.cacheDir)).not.toContain("models--o--m");
  await scene.pullBoth(wanted);
  const store = storeOf(scene);
  const survey = await scene.surveyBoth(wanted);
  for (const blob of survey.blobs) {
    expect(await store.lookUp(blob.repo, blob), blob.path).toEqual({ cached: true, held: [] });
  }
  const commit = scene.served.commit("o/m");
  expect(store.locate("o/m", commit)).toBe(
    join(scene.cacheDir, "models--o--m", "snapshots", commit),
  );
  const repo = survey.images[0]?.content?.repo ?? "";
  expect(store.locate(repo, core.digest)).toBe(join(scene.cacheDir, ".heros", "images"));
  expect(await store.commitOf("o/m", "main")).toBe(commit);
  expect(await store.commitOf(repo, core.digest)).toBe(core.digest);
  const listed = [
    await store.listSnapshot("o/m", commit),
    await store.listSnapshot(repo, core.digest),
  ];
  expect(listed.map((files) => files.map(({ path }) => path))).toEqual([
    [weights.path],
    core.blobs.map(({ digest }) => digest),
  ]);
  await store.close();
});

test("what both need of one disk is told for it, and what Docker unpacks for Docker's own", async () => {
  await using scene = await openBoth();
  const survey = await scene.surveyBoth(wanted);
  const engine = { rootDir: "/proc", keepsLayers: true };
  const needs = await storeOf(scene, { engine }).neededSpace(survey);
  expect(needs.map(({ what, bytes }) => ({ what, bytes }))).toEqual([
    { what: "models", bytes: weights.sizeBytes },
    { what: "images", bytes: layerBytes },
    { what: "images", bytes: Math.ceil(layerBytes * 2.5) + layerBytes },
  ]);
  expect(new Set(needs.map(({ disk }) => disk)).size).toBe(2);
  // The classic store keeps none of them, and holds one while it unpacks it.
  const classic = storeOf(scene, { engine: { ...engine, keepsLayers: false } });
  expect((await classic.neededSpace(survey)).at(-1)?.bytes).toBe(
    Math.ceil(layerBytes * 2.5) + 300_000,
  );
  await scene.pullBoth(wanted);
  const after = await storeOf(scene, { engine }).neededSpace(await scene.surveyBoth(wanted));
  expect(after.slice(0, 2).map(({ bytes }) => bytes)).toEqual([0, 0]);
  expect(after.at(-1)?.bytes).toBeGreaterThan(0);
});

function need(disk: number, what: NeededSpace["what"], bytes: number): NeededSpace {
  return { disk, folder: `/disk${disk}`, what, bytes, freeBytes: 10_000_000_000 };
}

test.each([
  ["models alone", [need(1, "models", 10_000_000_000)], /^.*\/disk1: the models need 10\.2 GB/],
  [
    "images on a disk of their own",
    [need(1, "models", 5e9), need(2, "images", 10e9)],
    /\/disk2: the images need 10\.2 GB/,
  ],
  [
    "both on one disk",
    [need(1, "models", 6e9), need(1, "images", 4e9)],
    /\/disk1: the models and images need 10\.2 GB/,
  ],
  [
    "images where no model is missing",
    [need(1, "models", 0), need(1, "images", 10e9)],
    /the images need/,
  ],
])("a disk without room for %s is told with what it lacks", (_what, needs, message) => {
  expect(() => requireSpace(needs)).toThrow(
    expect.objectContaining({
      code: "disk.too_small",
      exitCode: 7,
      message: expect.stringMatching(message) as string,
      hint: expect.stringContaining("Free ") as string,
    }),
  );
});

test("two disks with room for one each are enough, and what needs nothing is never too much", () => {
  for (const needs of [
    [need(1, "models", 9e9), need(2, "images", 9e9)],
    [{ ...need(1, "models", 0), freeBytes: 0 }],
    [],
  ]) {
    expect(() => requireSpace(needs)).not.toThrow();
  }
});

test("what is several stores already may be joined with one more, and an error of a disk is told by whose folder it is in", async () => {
  await using scene = await openBoth();
  const { host, cacheDir, folder } = scene;
  const modelsDir = join(folder, "ollama");
  const models = storeByRepo({
    hub: openHubCache({ host, cacheDir }),
    ollama: openOllamaStore({ host, modelsDir }),
  });
  const store = storeByRepo({ hub: models, oci: scene.images() });
  expect(store.locate("ollama:registry.ollama.ai/library/llava", "sha256:0")).toBe(modelsDir);
  expect(store.locate("o/m", "c")).toContain("models--o--m");
  expect(() => store.locate("s3:bucket", "1")).toThrow("no store for");
  const refused = (path: string): unknown =>
    store.failureOf(Object.assign(new Error("EACCES"), { code: "EACCES", path }));
  expect(refused(join(modelsDir, "blobs/x"))).toMatchObject({ code: "ollama.not_writable" });
  expect(refused(join(cacheDir, "x"))).toMatchObject({ code: "cache.not_writable" });
  await store.close();
});
