import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Host } from "../../../src/host/host.ts";
import { imagePlacesOf } from "../../../src/store/images/manifests.ts";
import { makeIndex } from "../../source/oci/images.ts";
import { image, imageOf, type ImageScene, openImageScene } from "../../download/image-scene.ts";

const core = imageOf({ base: 700_000, core: 900_000, small: 3000 });
const voice = imageOf({ base: 700_000, voice: 400_000 });
const both = [image("her-os/core:1"), image("acme/voice:1")];
const { signal } = new AbortController();

async function openBoth(): Promise<ImageScene> {
  const scene = await openImageScene();
  scene.registry.push("her-os/core", "1", core);
  scene.registry.push("acme/voice", "1", voice);
  return scene;
}

const hexOf = (digest: string): string => digest.replace("sha256:", "");
const sha256Of = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** All files below a cache, without the locks that stay as Python's do. */
async function filesIn(cacheDir: string): Promise<string[]> {
  const found = await readdir(cacheDir, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile() && !entry.parentPath.includes(".locks"))
    .map(({ parentPath, name }) => join(parentPath, name).slice(cacheDir.length + 1))
    .toSorted((a, b) => a.localeCompare(b));
}

test("images are kept as an OCI layout, each blob under its own hash", async () => {
  await using scene = await openBoth();
  const whole = makeIndex([voice]);
  scene.registry.push("acme/voice", "2", whole, [voice]);
  await scene.pullBoth({ images: [image("her-os/core:1"), image("acme/voice:2")] });
  const { root, blobs } = imagePlacesOf(scene.cacheDir);
  for (const name of await readdir(blobs)) {
    expect(sha256Of(await readFile(join(blobs, name)))).toBe(name);
  }
  const contents = [core, voice, whole, ...core.blobs, ...voice.blobs];
  const names = contents.map(({ digest }) => digest);
  expect(new Set(await readdir(blobs))).toEqual(new Set(names.map(hexOf)));
  expect(JSON.parse(await readFile(join(root, "oci-layout"), "utf8"))).toEqual({
    imageLayoutVersion: "1.0.0",
  });
  const index: unknown = JSON.parse(await readFile(join(root, "index.json"), "utf8"));
  const described = (of: typeof core, name: string) => ({
    mediaType: of.mediaType,
    digest: of.digest,
    size: of.bytes.length,
    annotations: { "org.opencontainers.image.ref.name": scene.nameOf(name) },
  });
  expect(index).toMatchObject({ schemaVersion: 2 });
  const { manifests } = index as { manifests: unknown[] };
  expect(manifests).toHaveLength(2);
  expect(manifests).toContainEqual(described(core, "her-os/core:1"));
  expect(manifests).toContainEqual(described(voice, "acme/voice:2"));
});

test("an image that was fetched is read with its manifest, its index and where its layers are", async () => {
  await using scene = await openBoth();
  const whole = makeIndex([core]);
  scene.registry.push("her-os/core", "2", whole, [core]);
  await scene.pullBoth({ images: [image("her-os/core:2")] });
  const stored = await scene.images().readImage(scene.nameOf("her-os/core:2"));
  expect(stored).toMatchObject({
    repo: `oci:${scene.registry.host}/her-os/core`,
    digest: whole.digest,
    manifestDigest: core.digest,
    diffIds: core.diffIds,
    isWhole: true,
  });
  expect(stored?.manifest.equals(core.bytes)).toBe(true);
  expect(stored?.index?.equals(whole.bytes)).toBe(true);
  const paths = [stored?.configPath ?? "", ...(stored?.layerPaths ?? [])];
  for (const [index, { bytes }] of core.blobs.entries()) {
    expect((await readFile(paths[index] ?? "")).equals(bytes)).toBe(true);
  }
  expect(await scene.images().readImage("nobody/wanted:1")).toBeNull();
});

test("a layer that two images of two repositories share is one blob, fetched and counted once", async () => {
  await using scene = await openBoth();
  const survey = await scene.pullBoth({ images: both });
  const [base] = core.blobs.slice(1);
  const asked = scene.layerRequests().filter(({ digest }) => digest === base?.digest);
  expect(new Set(asked.map(({ repository }) => repository))).toEqual(new Set(["her-os/core"]));
  expect(survey.blobs.filter(({ path }) => path === base?.digest)).toHaveLength(1);
  expect(survey.blobs.find(({ path }) => path === base?.digest)?.neededBy).toHaveLength(2);
  const needs = await scene.images().neededSpace({ ...survey });
  const unique = new Map([...core.blobs, ...voice.blobs].map((each) => [each.digest, each]));
  const sum = [...unique.values()].reduce((bytes, each) => bytes + each.bytes.length, 0);
  expect(needs.map(({ bytes }) => bytes)).toEqual([sum]);
  for (const { name } of both) {
    expect(await scene.images().readImage(scene.nameOf(name))).toMatchObject({ isWhole: true });
  }
});

test("of an image that is removed what another one needs stays, and after the last nothing of heros", async () => {
  await using scene = await openBoth();
  await scene.pullBoth({ images: both });
  const store = scene.images();
  const [first, second] = await Promise.all(
    both.map(({ name }) => store.readImage(scene.nameOf(name))),
  );
  if (first === null || first === undefined || second === null || second === undefined)
    throw new Error("not stored");
  await store.removeImage(first, signal);
  expect(await store.readImage(first.name)).toBeNull();
  expect(await store.readImage(second.name)).toMatchObject({ isWhole: true });
  const { blobs } = imagePlacesOf(scene.cacheDir);
  const needed = [voice.digest, ...voice.blobs.map(({ digest }) => digest)];
  expect(new Set(await readdir(blobs))).toEqual(new Set(needed.map(hexOf)));
  await store.removeImage(second, signal);
  await store.close();
  expect(await filesIn(scene.cacheDir)).toEqual(["CACHEDIR.TAG"]);
  expect(existsSync(join(scene.cacheDir, ".heros"))).toBe(false);
});

test("an image on its way keeps the layers that it needs, although it is not whole yet", async () => {
  await using scene = await openBoth();
  const [, base, own] = voice.blobs;
  await scene.pullBoth({ images: [image("acme/voice:1")] });
  const survey = await scene.surveyBoth({ images: [image("her-os/core:1")] });
  const missing = survey.blobs.filter(({ cached }) => !cached);
  expect(missing.map(({ path }) => path)).not.toContain(base?.digest);
  await scene.images().prepare(missing, survey);
  const stored = await scene.images().readImage(scene.nameOf("acme/voice:1"));
  if (stored === null) throw new Error("not stored");
  await scene.images().removeImage(stored, signal);
  const { blobs } = imagePlacesOf(scene.cacheDir);
  const left = await readdir(blobs);
  expect(left).toContain(hexOf(base?.digest ?? ""));
  expect(left).not.toContain(hexOf(own?.digest ?? ""));
});

test("a tag that moved since an interrupted run leaves nothing of the old image behind", async () => {
  await using scene = await openBoth();
  await scene.pullBoth({ images: [image("her-os/core:1")] });
  const next = imageOf({ base: 700_000, next: 100_000 });
  scene.registry.push("her-os/core", "1", next);
  const survey = await scene.pullBoth({ images: [image("her-os/core:1")] });
  // What both have was not fetched again.
  expect(survey.images[0]?.cachedBytes).toBe(700_000);
  const { blobs } = imagePlacesOf(scene.cacheDir);
  const wanted = [next.digest, ...next.blobs.map(({ digest }) => digest)].map(hexOf);
  expect(new Set(await readdir(blobs))).toEqual(new Set(wanted));
});

test("a kept blob of another size is fetched again, and one with a wrong byte is found and removed", async () => {
  await using scene = await openBoth();
  await scene.pullBoth({ images: [image("her-os/core:1")] });
  const store = scene.images();
  const name = scene.nameOf("her-os/core:1");
  const [, base, own] = core.blobs;
  await truncate(store.pathOf(base?.digest ?? ""), 1000);
  expect(await store.readImage(name)).toMatchObject({ isWhole: false });
  const bytes = Buffer.from(own?.bytes ?? "");
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await writeFile(store.pathOf(own?.digest ?? ""), bytes);
  expect((await store.removeDamaged(name, signal)).map(({ digest }) => digest)).toEqual([
    own?.digest,
  ]);
  await store.close();
  scene.registry.seen.length = 0;
  await scene.pullBoth({ images: [image("her-os/core:1")] });
  const again = new Set(scene.layerRequests().map(({ digest }) => digest));
  // Its configuration tells what it is made of.
  expect(again).toEqual(new Set([core.blobs[0]?.digest, base?.digest, own?.digest]));
  expect(await store.readImage(name)).toMatchObject({ isWhole: true });
  expect(await store.removeDamaged(name, signal)).toEqual([]);
});

test("a record that leads elsewhere, is another image's, or is no record is not believed", async () => {
  await using scene = await openBoth();
  await scene.pullBoth({ images: both });
  const store = scene.images();
  const { manifests } = imagePlacesOf(scene.cacheDir);
  const name = scene.nameOf("her-os/core:1");
  const file = join(manifests, `${sha256Of(Buffer.from(name))}.json`);
  const sound = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  const layer = { digest: "sha256:../../../../../etc/passwd", sizeBytes: 1, mediaType: "x" };
  const { manifest } = JSON.parse(
    await readFile(
      join(manifests, `${sha256Of(Buffer.from(scene.nameOf("acme/voice:1")))}.json`),
      "utf8",
    ),
  ) as { manifest: string };
  for (const wrong of [
    { ...sound, layers: [layer] },
    { ...sound, name: "other:1" },
    { ...sound, manifest },
    { ...sound, schema: 2 },
    [],
  ]) {
    await writeFile(file, JSON.stringify(wrong));
    expect(await store.readImage(name), JSON.stringify(wrong)).toBeNull();
  }
  await writeFile(file, "{");
  expect(await store.readImage(name)).toBeNull();
  await writeFile(file, JSON.stringify(sound));
  expect(await store.readImage(name)).toMatchObject({ isWhole: true });
});

test("a cache that can only be read will do where all is there", async () => {
  await using scene = await openBoth();
  await scene.pullBoth({ images: both });
  const { root } = imagePlacesOf(scene.cacheDir);
  const refuse = async (): Promise<never> => {
    throw Object.assign(new Error("read-only file system"), { code: "EROFS" });
  };
  const { files } = scene.host;
  const open: Host["files"]["open"] = async (path, flags, ...rest) =>
    flags === "wx" || flags === "wx+" ? refuse() : files.open(path, flags, ...rest);
  const closed = {
    mkdir: refuse,
    rename: refuse,
    rm: refuse,
    rmdir: refuse,
    writeFile: refuse,
    open,
  };
  const host: Host = { ...scene.host, files: { ...files, ...(closed as object) } };
  await scene.pullBoth({ images: both }, { host });
  expect(scene.of("image.planned")).toHaveLength(2);
  await chmod(root, 0o755);
});

test("where a folder lies in the place of a layer, its image alone is left out", async () => {
  await using scene = await openBoth();
  const { blobs } = imagePlacesOf(scene.cacheDir);
  await mkdir(join(blobs, hexOf(core.blobs[2]?.digest ?? "")), { recursive: true });
  await expect(scene.pullBoth({ images: both })).rejects.toMatchObject({ exitCode: 1 });
  expect(await scene.images().readImage(scene.nameOf("acme/voice:1"))).toMatchObject({
    isWhole: true,
  });
  expect(scene.of("notice")).toMatchObject([{ level: "warning" }]);
  await rm(join(blobs, hexOf(core.blobs[2]?.digest ?? "")), { recursive: true });
});
