import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { keepWholeImages } from "../../../src/commands/images/whole-images.ts";
import { loadArchive } from "../../../src/docker/load-archive.ts";
import { tarEnd, tarEntry, tarHeader } from "../../../src/docker/tar.ts";
import { createEndpointMemory } from "../../../src/source/mirrors.ts";
import { openRegistries } from "../../../src/source/oci/registry.ts";
import { imagePlacesOf } from "../../../src/store/images/manifests.ts";
import { temporaryFolder, testHost } from "../../deploy/compose/fixtures.ts";
import { fakeDocker } from "../../docker/fake-docker.ts";
import { contentOf, makeImage, makeIndex, noise } from "../../source/oci/images.ts";
import { startRegistry } from "../../source/oci/registry-server.ts";
import { noLogin, spark } from "../../source/oci/scene.ts";

const { signal } = new AbortController();
const layers = [noise("base", 200_000), noise("top", 70_000)];

/** A machine whose Docker has one image, and gives this archive of it. */
async function machine(archive: Buffer | null, name = "ghcr.io/acme/core:1") {
  const folder = await temporaryFolder();
  const file = path.join(folder, "archive.tar");
  if (archive !== null) await writeFile(file, archive);
  const shown = {
    id: `sha256:${"1".repeat(64)}`,
    names: [name],
    namesByDigest: [],
    diffIds: [],
    os: "linux",
    architecture: "arm64",
    unpackedBytes: 300_000,
  };
  const docker = await fakeDocker(`
case "$1 $2" in
"image inspect") echo '${JSON.stringify(shown)}' ;;
"image save") cat '${file}' || exit 1 ;;
*) exit 1 ;;
esac`);
  const host = { ...testHost({ PATH: `${docker.bin}:/usr/bin:/bin` }), arch: "aarch64" };
  const cacheDir = path.join(folder, "hub");
  const work = {
    host,
    emit: () => {},
    signal,
    elapsedMs: () => 0,
    endpoints: createEndpointMemory(),
  };
  const keep = (names: readonly string[] = [name]) =>
    keepWholeImages(work, { cacheDir, names, platform: spark, registries: null });
  return { keep, cacheDir, docker, work, name };
}

/** As engines before 25 write one: layers unpacked, in folders of their own. */
function classicArchive(config: Buffer): Buffer {
  const ids = layers.map((_, index) => `${index}`.repeat(64));
  const same = `${"f".repeat(64)}/layer.tar`;
  const link = tarHeader(same, 0);
  link.write("2", 156);
  link.write(`../${ids[1]}/layer.tar`, 157);
  link.fill(" ", 148, 156);
  const sum = link.reduce((all, byte) => all + byte, 0);
  link.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const name = `${contentOf(config).digest.slice("sha256:".length)}.json`;
  const list = [
    { Config: name, RepoTags: null, Layers: [...ids.map((id) => `${id}/layer.tar`), same] },
  ];
  return Buffer.concat([
    ...layers.flatMap((layer, index) => [
      ...tarEntry(`${ids[index]}/VERSION`, Buffer.from("1.0")),
      ...tarEntry(`${ids[index]}/layer.tar`, layer),
    ]),
    link,
    ...tarEntry(name, config),
    ...tarEntry("manifest.json", Buffer.from(JSON.stringify(list))),
    tarEnd,
  ]);
}

test("the classic store's image is kept under the same configuration, its layers unpacked", async () => {
  const diffIds = [...layers, layers[1] ?? Buffer.alloc(0)].map((layer) => contentOf(layer).digest);
  const config = Buffer.from(
    JSON.stringify({
      os: "linux",
      architecture: "arm64",
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
  );
  const { keep, cacheDir, docker } = await machine(classicArchive(config));
  const [image] = await keep();
  expect(image).toMatchObject({
    isWhole: true,
    index: null,
    config: { digest: contentOf(config).digest },
    layers: diffIds.map((digest) => ({
      digest,
      mediaType: "application/vnd.oci.image.layer.v1.tar",
    })),
    diffIds,
  });
  const kept = await Promise.all((image?.layerPaths ?? []).map((file) => readFile(file ?? "")));
  expect(kept.map((bytes) => contentOf(bytes).digest)).toEqual(diffIds);

  // The second time nobody asks Docker, and nothing is left over.
  const before = await docker.calls();
  expect(await keep()).toEqual([image]);
  expect(await docker.calls()).toEqual(before);
  const { blobs, partials } = imagePlacesOf(cacheDir);
  expect(await readdir(partials)).toEqual([]);
  expect(await readdir(blobs)).toHaveLength(1 + 2 + 1);
});

test("containerd's store gives the blobs of the registry, the index among them", async () => {
  const image = makeImage(layers, { format: "oci" });
  const index = makeIndex([image]);
  const folder = await temporaryFolder();
  const known = new Map(image.blobs.map((each) => [each.digest, each.bytes]));
  for (const [digest, bytes] of known) await writeFile(path.join(folder, digest), bytes);
  const [config, ...rest] = image.blobs.map(({ digest, bytes }) => ({
    digest,
    sizeBytes: bytes.length,
  }));
  const pieces = [];
  for await (const piece of loadArchive({
    host: testHost(),
    image: {
      name: "core:1",
      fullName: "ghcr.io/acme/core:1",
      digest: index.digest,
      manifestDigest: image.digest,
      mediaType: image.mediaType,
      index: index.bytes,
      manifest: image.bytes,
      config: config ?? { digest: "", sizeBytes: 0 },
      layers: rest,
    },
    shelf: {
      pathOf: (digest) => path.join(folder, digest),
      has: () => true,
      whenVerified: async () => {},
    },
    signal,
  })) {
    pieces.push(piece as Buffer);
  }
  const { keep } = await machine(Buffer.concat(pieces));
  expect(await keep()).toMatchObject([
    {
      isWhole: true,
      digest: index.digest,
      manifestDigest: image.digest,
      index: index.bytes,
      layers: rest,
    },
  ]);
});

test.each([
  ["ends too soon", (tar: Buffer) => tar.subarray(0, 100_000)],
  ["is no tar", () => Buffer.alloc(4096, 88)],
  ["is empty", () => Buffer.alloc(1024)],
  ["is not given", () => null],
])("an archive that %s is told, and leaves nothing that counts as an image", async (_, spoil) => {
  const config = Buffer.from(JSON.stringify({ rootfs: { diff_ids: [] } }));
  const { keep, cacheDir } = await machine(spoil(classicArchive(config)));
  await expect(keep()).rejects.toMatchObject({ code: "docker.image_not_saved", exitCode: 4 });
  const { manifests, partials } = imagePlacesOf(cacheDir);
  expect(await readdir(manifests)).toEqual([]);
  expect(await readdir(partials)).toEqual([]);
});

test("what neither the store nor Docker has is fetched from its registry, once", async () => {
  await using registry = await startRegistry();
  const image = makeImage(layers);
  registry.push("acme/core", "1", image, [image]);
  const name = `${registry.host}/acme/core:1`;
  const { work, cacheDir } = await machine(null, "other:1");
  const registries = openRegistries({ host: work.host, credentials: async () => noLogin });
  const request = { cacheDir, names: [name], platform: spark, registries };
  const [kept] = await keepWholeImages(work, request);
  expect(kept).toMatchObject({ name, isWhole: true, digest: image.digest });
  const asked = registry.of("registry").length;
  await keepWholeImages(work, { ...request, registries: null });
  expect(registry.of("registry")).toHaveLength(asked);
});

test("without a network, an image that is nowhere is named", async () => {
  const { keep } = await machine(null, "other:1");
  await expect(keep(["ghcr.io/acme/none:1"])).rejects.toMatchObject({
    code: "hub.offline",
    message: expect.stringContaining("ghcr.io/acme/none:1") as unknown,
  });
});
