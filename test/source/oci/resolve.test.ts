import { expect, test } from "vitest";
import { parsePlatform, platformText } from "../../../src/source/oci/manifest.ts";
import { parseImageReference } from "../../../src/source/oci/reference.ts";
import { amd64, arm64, describe, makeImage, makeIndex, noise } from "./images.ts";
import { failed, openScene } from "./scene.ts";

const layers = [noise("one", 3000), noise("two", 500)];
const { signal } = new AbortController();

test.each(["docker", "oci"] as const)(
  "an index of the format %s gives the manifest of this platform, with all that is in it",
  async (format) => {
    const image = makeImage(layers, { format });
    const other = makeImage([noise("three", 10)], { format, platform: amd64 });
    const index = makeIndex([other, image], { format });
    await using scene = await openScene();
    scene.server.push("her-os/core", "1.4", index, [other, image]);
    const found = await scene.resolve("her-os/core:1.4");
    const [config, ...contents] = image.blobs.map(({ digest, bytes }) => ({
      digest,
      sizeBytes: bytes.length,
    }));
    expect(found).toMatchObject({
      digest: index.digest,
      manifestDigest: image.digest,
      mediaType: image.mediaType,
      config,
      layers: contents,
      diffIds: image.diffIds,
    });
    expect(found.index?.equals(index.bytes)).toBe(true);
    expect(found.manifest.equals(image.bytes)).toBe(true);
    expect(found.reference).toMatchObject({ registry: scene.server.host, tag: "1.4" });
    // Both manifests and the configuration, and nothing else.
    expect(scene.server.seen.map(({ url }) => url)).toEqual([
      "/v2/her-os/core/manifests/1.4",
      `/v2/her-os/core/manifests/${image.digest}`,
      `/v2/her-os/core/blobs/${config?.digest}`,
    ]);
  },
);

test.each([
  [{ Labels: { "org.heros.models": "o/a,o/b@main" } }, "o/a,o/b@main"],
  [{ Labels: null }, undefined],
  [{ Labels: { "org.heros.models": 7 } }, undefined],
  [null, undefined],
])("of an image configured as %j the label of its models is %j", async (config, label) => {
  const image = makeImage(layers, { changeConfig: (whole) => ({ ...whole, config }) });
  await using scene = await openScene();
  scene.server.push("her-os/core", "1.4", image, [image]);
  expect((await scene.resolve("her-os/core:1.4")).modelsLabel).toBe(label);
});

test("a name that leads to a manifest, by tag or digest, needs no index", async () => {
  const image = makeImage(layers);
  await using scene = await openScene();
  scene.server.push("core", "latest", image, [image]);
  for (const name of ["core", `core@${image.digest}`, `core:gone@${image.digest}`]) {
    const found = await scene.resolve(name);
    expect(found).toMatchObject({
      digest: image.digest,
      manifestDigest: image.digest,
      index: null,
    });
  }
});

test("a tag that moves meanwhile stays what it was in this run", async () => {
  await using scene = await openScene();
  const [before, after] = [makeImage(layers), makeImage([noise("new", 9)])];
  scene.server.push("core", "1", before, [before]);
  expect((await scene.resolve("core:1")).digest).toBe(before.digest);
  scene.server.push("core", "1", after, [after]);
  scene.server.seen.length = 0;
  expect((await scene.resolve("core:1")).digest).toBe(before.digest);
  expect(scene.server.seen).toEqual([]);
  expect((await scene.resolve(`core@${after.digest}`)).digest).toBe(after.digest);
});

test("an image is listed as files: its configuration and its layers, each once", async () => {
  const twice = makeImage([...layers, layers[0] ?? Buffer.alloc(0)]);
  await using scene = await openScene();
  scene.server.push("core", "1", twice, [twice]);
  const repo = `oci:${scene.server.host}/core`;
  const listing = await scene.registries.list(repo, "1", signal);
  expect(listing).toMatchObject({ repo, revision: "1", commit: twice.digest });
  expect(listing.files).toEqual(
    twice.blobs.slice(0, 3).map(({ digest, bytes }) => ({
      path: digest,
      sizeBytes: bytes.length,
      blobName: digest.slice(7),
      hash: { algorithm: "sha256", hex: digest.slice(7) },
    })),
  );
  expect(await scene.registries.list(repo, twice.digest, signal)).toMatchObject({
    commit: twice.digest,
    files: listing.files,
  });
  expect((await scene.resolve("core:1")).layers).toHaveLength(3);
  await expect(scene.registries.list(repo, "a b", signal)).rejects.toMatchObject({
    code: "image.bad_name",
  });
  await expect(scene.registries.list("org/model", "main", signal)).rejects.toMatchObject({
    code: "image.bad_name",
  });
});

test("a platform that compose names is taken in the place of this machine's", async () => {
  const image = makeImage(layers);
  const other = makeImage([noise("three", 10)], { platform: amd64 });
  const index = makeIndex([image, other]);
  await using scene = await openScene();
  scene.server.push("core", "1", index, [image, other]);
  const reference = parseImageReference(`${scene.server.host}/core:1`);
  const wanted = parsePlatform("linux/amd64", "core:1");
  const found = await scene.registries.resolve(reference, wanted, signal);
  expect(found.manifestDigest).toBe(other.digest);
});

test.each([
  ["linux/arm64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/arm64/v9", "linux/arm64/v9"],
  ["linux/amd64", "linux/amd64"],
  ["linux/x86_64", "linux/amd64"],
  ["linux/amd64/v3", "linux/amd64/v3"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/arm/7", "linux/arm/v7"],
  ["Linux/ARM/v6", "linux/arm/v6"],
])("the platform %s is %s", (text, expected) => {
  expect(platformText(parsePlatform(text, "core:1"))).toBe(expected);
});

test.each(["arm64", "linux/", "linux/arm64/v8/x", "", "linux/a b"])("%j is no platform", (text) => {
  expect(() => parsePlatform(text, "core:1")).toThrow(failed("image.unusable", 2, "core:1"));
});

test("no image for this platform names those that there are", async () => {
  const images = [amd64, { os: "linux", architecture: "arm", variant: "v7" }].map((platform) =>
    makeImage(layers, { platform }),
  );
  await using scene = await openScene();
  scene.server.push("core", "1", makeIndex(images), images);
  await expect(scene.resolve("core:1")).rejects.toEqual(
    failed(
      "image.no_platform",
      4,
      `${scene.server.host}/core:1 has no image for linux/arm64, only for linux/amd64, linux/arm/v7.`,
    ),
  );
  const [single] = images;
  if (single === undefined) throw new Error("no image");
  scene.server.push("core", "single", single, images);
  await expect(scene.resolve("core:single")).rejects.toEqual(
    failed("image.no_platform", 4, "no image for linux/arm64, only for linux/amd64."),
  );
  scene.server.push("core", "none", makeIndex([]));
  await expect(scene.resolve("core:none")).rejects.toEqual(
    failed("image.no_platform", 4, /no image for linux\/arm64\.$/),
  );
});

test("an index that names no platform, and an index of indexes, are followed", async () => {
  const image = makeImage(layers);
  const bare = makeIndex([], {
    change: (index) => ({ ...index, manifests: [describe(image, image.mediaType)] }),
  });
  const outer = makeIndex([], {
    change: (index) => ({
      ...index,
      manifests: [{ ...describe(bare, bare.mediaType), platform: arm64 }],
    }),
  });
  await using scene = await openScene();
  scene.server.push("core", "inner", bare, [image]);
  scene.server.push("core", "outer", outer);
  expect(await scene.resolve("core:outer")).toMatchObject({
    digest: outer.digest,
    manifestDigest: image.digest,
  });
});
