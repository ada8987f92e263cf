import { expect, test } from "vitest";
import { isIncomplete } from "../../../src/store/store.ts";
import type { EngineImage } from "../../../src/docker/engine-images.ts";
import { layersInEngine, surveyImages } from "../../../src/commands/images/survey-images.ts";
import type { Failure } from "../../../src/run/failure.ts";
import { openRegistries } from "../../../src/source/oci/registry.ts";
import { arm64, makeIndex } from "../../source/oci/images.ts";
import { noLogin, spark } from "../../source/oci/scene.ts";
import { image, imageOf, openImageScene, type ImageScene } from "../../download/image-scene.ts";

const core = imageOf({ base: 300_000, tools: 200_000, core: 100_000 });
const { signal } = new AbortController();

async function openCore(): Promise<ImageScene> {
  const scene = await openImageScene();
  scene.registry.push("her-os/core", "1", core);
  return scene;
}

/** As Docker would show it. */
function engineImage(changes: Partial<EngineImage>): EngineImage {
  return {
    id: `sha256:${"0".repeat(64)}`,
    names: [],
    namesByDigest: [],
    diffIds: [],
    os: "linux",
    architecture: arm64.architecture,
    unpackedBytes: 7,
    ...changes,
  };
}

const wanted = { images: [image("her-os/core:1", { services: ["her-os-core"] })] };
const sum = core.blobs.reduce((bytes, each) => bytes + each.bytes.length, 0);

test("what an image is made of and takes is known before its first layer", async () => {
  await using scene = await openCore();
  const { images, blobs, totalBytes } = await scene.surveyBoth(wanted);
  const name = scene.nameOf("her-os/core:1");
  expect(images).toMatchObject([
    {
      id: `oci:${name}`,
      priority: 0,
      totalBytes: sum,
      cachedBytes: 0,
      engineId: null,
      label: {
        image: name,
        digest: core.digest,
        services: ["her-os-core"],
        unpackedBytes: Math.round(sum * 2.5),
        neededForOnline: true,
      },
    },
  ]);
  expect(blobs.map(({ path }) => path)).toEqual(core.blobs.map(({ digest }) => digest));
  // No model's.
  expect(totalBytes).toBe(0);
  expect(isIncomplete(await scene.surveyBoth(wanted))).toBe(true);
});

test("an image that Docker has by its name is not asked for at its registry, unless it is another platform's", async () => {
  await using scene = await openCore();
  const name = scene.nameOf("her-os/core:1");
  const has = engineImage({
    names: [name],
    namesByDigest: [`${scene.nameOf("her-os/core")}@${core.digest}`],
  });
  const { images, blobs } = await scene.surveyBoth({ ...wanted, engine: [has] });
  expect(scene.registry.seen).toEqual([]);
  expect(blobs).toEqual([]);
  expect(images).toMatchObject([
    {
      totalBytes: 0,
      snapshots: [],
      content: null,
      engineId: has.id,
      label: { digest: core.digest, unpackedBytes: 7 },
    },
  ]);
  const other = { ...has, architecture: "amd64" };
  expect((await scene.surveyBoth({ ...wanted, engine: [other] })).blobs).toHaveLength(4);
});

test("an image named by its digest is known by it", async () => {
  await using scene = await openCore();
  const named = { images: [image(`her-os/core@${core.digest}`)] };
  const has = engineImage({ namesByDigest: [`${scene.nameOf("her-os/core")}@${core.digest}`] });
  expect((await scene.surveyBoth({ ...named, engine: [has] })).blobs).toEqual([]);
  expect((await scene.surveyBoth(named)).blobs).toHaveLength(4);
});

test.each([
  ["its configuration's digest", { id: core.blobs[0]?.digest ?? "" }],
  ["its manifest's digest", { id: core.digest }],
  [
    "a name of another registry",
    { diffIds: core.diffIds, namesByDigest: [`ghcr.io/her-os/core@${core.digest}`] },
  ],
])("an image that Docker has under %s is not fetched", async (_how, changes) => {
  await using scene = await openCore();
  const engine = [engineImage(changes)];
  const { images, blobs } = await scene.surveyBoth({ ...wanted, engine });
  expect(blobs).toEqual([]);
  expect(images).toMatchObject([{ totalBytes: sum, cachedBytes: sum, snapshots: [] }]);
  expect(images[0]?.engineId).toBe(engine[0]?.id);
  expect(images[0]?.content).not.toBeNull();
});

test("the lowest layers that Docker has in another image are not fetched, and no others", async () => {
  await using scene = await openCore();
  const [base = "", tools = "", own = ""] = core.diffIds;
  const engine = [
    engineImage({ diffIds: [base, tools, "sha256:other"] }),
    engineImage({ diffIds: [base] }),
    // The same layer above another one is another.
    engineImage({ diffIds: ["sha256:first", tools, own] }),
  ];
  const { images, blobs } = await scene.surveyBoth({ ...wanted, engine });
  const [config, , , last] = core.blobs;
  expect(blobs.map(({ path }) => path)).toEqual([config?.digest, last?.digest]);
  expect(images).toMatchObject([{ totalBytes: sum, cachedBytes: 500_000 }]);
  expect(layersInEngine(core, [])).toBe(0);
  expect(layersInEngine(core, [engineImage({ diffIds: [base, tools, own, "sha256:more"] })])).toBe(
    3,
  );
});

test("of an image that is to be kept, all is fetched whatever Docker has of others", async () => {
  await using scene = await openCore();
  const { host } = scene;
  const { images, blobs } = await surveyImages({
    registries: openRegistries({ host, credentials: async () => noLogin }),
    store: scene.images(),
    images: [image(scene.nameOf("her-os/core:1"))],
    platform: spark,
    engine: [engineImage({ diffIds: [...core.diffIds] })],
    way: "registry",
    signal,
    whole: true,
  });
  expect(blobs.map(({ path }) => path)).toEqual(core.blobs.map(({ digest }) => digest));
  expect(images).toMatchObject([{ totalBytes: sum, cachedBytes: 0 }]);
});

test("an image that two services run is surveyed once, for both, and as soon as either needs it", async () => {
  await using scene = await openCore();
  const twice = [
    image("her-os/core:1", { services: ["worker"], neededForOnline: false }),
    image("her-os/core:1", { services: ["her-os-core"] }),
  ];
  const { images } = await scene.surveyBoth({ images: twice });
  expect(images).toMatchObject([
    { priority: 0, label: { services: ["worker", "her-os-core"], neededForOnline: true } },
  ]);
});

test("a tag that moves during the run means what it meant first", async () => {
  await using scene = await openCore();
  const { host } = scene;
  const registries = openRegistries({ host, credentials: async () => noLogin });
  const survey = () =>
    surveyImages({
      registries,
      store: scene.images(),
      images: [image(scene.nameOf("her-os/core:1"))],
      platform: spark,
      engine: null,
      way: "load",
      signal,
    });
  const [before] = (await survey()).images;
  scene.registry.push("her-os/core", "1", makeIndex([imageOf({ other: 1000 })]), [
    imageOf({ other: 1000 }),
  ]);
  const [after] = (await survey()).images;
  expect(after?.label.digest).toBe(before?.label.digest);
});

test("where a registry can't be asked, an image that is all here will do, and it is told", async () => {
  await using scene = await openCore();
  await scene.pullBoth(wanted);
  const told: string[] = [];
  const { host } = scene;
  const name = scene.nameOf("her-os/core:1");
  await scene.registry[Symbol.asyncDispose]();
  const survey = (lenient: boolean) =>
    surveyImages({
      registries: openRegistries({ host, credentials: async () => noLogin, forMs: 0 }),
      store: scene.images(),
      images: [image(name), image(scene.nameOf("acme/other:1"))],
      platform: spark,
      engine: [],
      way: "registry",
      signal,
      lenient,
      onCached: (each: string, { code }: Failure) => void told.push(`${each} ${code}`),
    });
  const { images } = await survey(true);
  expect(images).toMatchObject([
    { totalBytes: sum, cachedBytes: sum, problem: null },
    { problem: { code: "registry.unreachable" }, content: null },
  ]);
  expect(told).toEqual([`${name} registry.unreachable`]);
  await expect(survey(false)).rejects.toMatchObject({ code: "registry.unreachable", exitCode: 5 });
});

test("a layer that two images share counts for the first of them alone", async () => {
  await using scene = await openCore();
  const voice = imageOf({ base: 300_000, voice: 50_000 });
  scene.registry.push("her-os/voice", "1", voice);
  const both = ["her-os/core:1", "her-os/voice:1"].map((name) => image(name, { services: [name] }));
  const survey = await scene.surveyBoth({ images: both });
  const [shared = 0] = [...voice.blobs]
    .filter(({ digest }) => core.blobs.some((each) => each.digest === digest))
    .map(({ bytes }) => bytes.length);
  expect(shared).toBeGreaterThan(0);
  const own = voice.blobs.reduce((bytes, each) => bytes + each.bytes.length, 0) - shared;
  expect(survey.images.map(({ totalBytes }) => totalBytes)).toEqual([sum, own]);
  expect(survey.blobs.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0)).toBe(sum + own);
});
