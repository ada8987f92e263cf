import { existsSync } from "node:fs";
import { lchown, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Host } from "../../../src/host/host.ts";
import { imagePlacesOf } from "../../../src/store/images/manifests.ts";
import { image, imageOf, type ImageScene, openImageScene } from "../../download/image-scene.ts";

const core = imageOf({ base: 900_000, core: 400_000 });
const wanted = { images: [image("her-os/core:1")] };
const { signal } = new AbortController();

async function openCore(): Promise<ImageScene> {
  const scene = await openImageScene();
  scene.registry.push("her-os/core", "1", core);
  return scene;
}

const isWhole = async (scene: ImageScene): Promise<boolean> =>
  (await scene.images().readImage(scene.nameOf("her-os/core:1")))?.isWhole === true;

test("a folder of images that its owner put on another disk is used there", async () => {
  await using scene = await openCore();
  const elsewhere = join(scene.folder, "elsewhere");
  await mkdir(elsewhere);
  const { root } = imagePlacesOf(scene.cacheDir);
  await mkdir(join(root, ".."), { recursive: true });
  await symlink(elsewhere, root);
  await scene.pullBoth(wanted);
  expect(await isWhole(scene)).toBe(true);
  expect(await readdir(join(elsewhere, "blobs", "sha256"))).toHaveLength(4);
});

test.for(["images", "images/blobs", "images/partials", "images/manifests"])(
  "nothing is written through a link that somebody else put in the place of .heros/%s",
  async (place, { skip }) => {
    await using scene = await openCore();
    const elsewhere = join(scene.folder, "elsewhere");
    await mkdir(elsewhere);
    const link = join(scene.cacheDir, ".heros", place);
    await mkdir(join(link, ".."), { recursive: true });
    await symlink(elsewhere, link);
    await lchown(link, 12_345, 12_345).catch(() => skip("only root may give links away"));
    await expect(scene.pullBoth(wanted)).rejects.toMatchObject({
      code: "cache.foreign_link",
      exitCode: 1,
    });
    expect(await readdir(elsewhere)).toEqual([]);
  },
);

test("a link that leads nowhere is told", async () => {
  await using scene = await openCore();
  const { root } = imagePlacesOf(scene.cacheDir);
  await mkdir(join(root, ".."), { recursive: true });
  await symlink("/nowhere/at/all", root);
  await expect(scene.pullBoth(wanted)).rejects.toMatchObject({ code: "cache.broken_link" });
});

test("killed at any moment of its removal, an image is removed by the next one, and never what another needs", async () => {
  await using scene = await openCore();
  const other = imageOf({ base: 900_000, other: 1000 });
  scene.registry.push("acme/other", "1", other);
  const both = { images: [...wanted.images, image("acme/other:1")] };
  let nth = 0;
  for (let ended = false; !ended;) {
    nth += 1;
    await scene.pullBoth(both);
    const [gone, stays] = await Promise.all(
      both.images.map(({ name }) => scene.images().readImage(scene.nameOf(name))),
    );
    if (gone === null || gone === undefined) throw new Error("not stored");
    let changes = 0;
    const mortal = Object.fromEntries(
      (["rm", "rename", "rmdir", "mkdir"] as const).map((name) => {
        const call = scene.host.files[name] as (...given: unknown[]) => Promise<unknown>;
        const dying = async (...given: unknown[]): Promise<unknown> => {
          if ((changes += 1) >= nth) throw new Error("killed");
          return call(...given);
        };
        return [name, dying];
      }),
    );
    const host: Host = { ...scene.host, files: { ...scene.host.files, ...mortal } };
    const killed = scene.images(host);
    await killed.removeImage(gone, signal).catch(() => {});
    await killed.close();
    ended = changes < nth;
    const left = await scene.images().readImage(stays?.name ?? "");
    expect(left, `killed at call ${nth}`).toMatchObject({ isWhole: true });
    await scene.images().removeImage(gone, signal);
    const names = [other.digest, ...other.blobs.map(({ digest }) => digest)];
    expect(new Set(await readdir(imagePlacesOf(scene.cacheDir).blobs))).toEqual(
      new Set(names.map((name) => name.replace("sha256:", ""))),
    );
  }
  expect(nth).toBeGreaterThan(5);
});

test("an unfinished image goes once another tag is wanted and nobody works on it; one that is whole, or another's, stays", async () => {
  await using scene = await openCore();
  const { host, registry } = scene;
  const unfinished = imageOf({ base: 900_000, own: 400_000, top: 1000 });
  const [, base, own, top] = unfinished.blobs;
  const next = imageOf({ base: 900_000, next: 2000 });
  const others = imageOf({ other: 4000, more: 5000, still: 6000 });
  registry.push("her-os/core", "1", unfinished);
  registry.push("her-os/core", "2", next);
  registry.push("her-os/core", "3", imageOf({ third: 3000 }));
  registry.push("acme/other", "1", others);
  const pull = (name: string, used: Host = host) =>
    scene.pullBoth({ images: [image(name)] }, { host: used });
  for (const name of ["her-os/core:1", "her-os/core:3", "acme/other:1"]) await pull(name);
  const { blobs, manifests } = imagePlacesOf(scene.cacheDir);
  const pathOf = (digest = ""): string => join(blobs, digest.replace("sha256:", ""));
  const stray = join(blobs, "f".repeat(64));
  await writeFile(stray, "nobody's");
  await writeFile(join(blobs, "notes"), "mine");
  // What is missing of these makes them unfinished.
  await rm(pathOf(top?.digest));
  await rm(pathOf(others.blobs[3]?.digest));
  await pull("her-os/core:2");
  expect(await readdir(manifests)).toHaveLength(4);
  expect(existsSync(pathOf(own?.digest)) && existsSync(stray)).toBe(true);
  const later = { ...host.clock, now: () => new Date(Date.now() + 2 * 60 * 60 * 1000) };
  await scene
    .images()
    .removeImage((await scene.images().readImage(scene.nameOf("her-os/core:2"))) ?? fail(), signal);
  await pull("her-os/core:2", { ...host, clock: later });
  expect(await readdir(manifests)).toHaveLength(3);
  expect([own, base].map((blob) => existsSync(pathOf(blob?.digest)))).toEqual([false, true]);
  expect([existsSync(stray), existsSync(join(blobs, "notes"))]).toEqual([false, true]);
  const left = await Promise.all(
    ["her-os/core:2", "her-os/core:3"].map((name) => scene.images().readImage(scene.nameOf(name))),
  );
  expect(left).toMatchObject([{ isWhole: true }, { isWhole: true }]);
});

function fail(): never {
  throw new Error("not stored");
}

type Written = [content: Buffer, offset: number, length: number, position: number];

test("a disk that fills up ends with 7, what came stays, and the next run goes on", async () => {
  await using scene = await openCore();
  let left = 700_000;
  const open = async (...given: Parameters<Host["files"]["open"]>) => {
    const handle = await scene.host.files.open(...given);
    if (!String(given[0]).endsWith(".heros-partial")) return handle;
    const write = handle.write.bind(handle) as (...written: Written) => Promise<unknown>;
    const limited = async (...written: Written): Promise<unknown> => {
      left -= written[2];
      if (left < 0) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
      return write(...written);
    };
    return Object.assign(handle, { write: limited });
  };
  const host: Host = { ...scene.host, files: { ...scene.host.files, open } };
  await expect(scene.pullBoth(wanted, { host })).rejects.toMatchObject({
    code: "disk.full",
    exitCode: 7,
  });
  const survey = await scene.pullBoth(wanted);
  expect(
    (survey.images[0]?.resumedBytes ?? 0) + (survey.images[0]?.cachedBytes ?? 0),
  ).toBeGreaterThan(300_000);
  expect(await isWhole(scene)).toBe(true);
});

test("a layer that is gone by the end is missed, unless Docker has the image", async () => {
  await using scene = await openCore();
  await scene.pullBoth(wanted);
  const survey = await scene.surveyBoth(wanted);
  const stored = await scene.images().readImage(scene.nameOf("her-os/core:1"));
  const [item] = survey.images;
  if (stored === null || item === undefined) throw new Error("not stored");
  await scene.images().removeImage(stored, signal);
  const publication = { survey, item, lockRetryMs: 10, signal };
  await expect(scene.images().publish(publication)).rejects.toMatchObject({
    code: "cache.changed",
    message: expect.stringContaining(`A layer of ${stored.name}`) as string,
  });
  const given = scene.images(scene.host, { isInEngine: async () => true });
  await expect(given.publish(publication)).resolves.toBeUndefined();
});

test("Docker is asked for a layer that another heros was fetching, and for no other", async () => {
  await using scene = await openCore();
  const survey = await scene.surveyBoth(wanted);
  const asked: string[] = [];
  let busy = true;
  const fileLocks = {
    acquire: async (path: string) => (path.endsWith("images.lock") || !busy ? "held" : "busy"),
    release: () => {},
    close: () => {},
  } as Host["fileLocks"];
  const store = scene.images(
    { ...scene.host, fileLocks },
    {
      async isInEngine({ name }) {
        asked.push(name);
        return true;
      },
    },
  );
  await store.prepare(survey.blobs, survey);
  const [, base, own] = survey.blobs;
  if (base === undefined || own === undefined) throw new Error("no layers");
  expect(await store.lock(base)).toBe("busy");
  busy = false;
  expect([await store.lock(base), await store.lock(own)]).toEqual(["held", "held"]);
  expect([await store.has(own), await store.has(base)]).toEqual([false, true]);
  expect(asked).toEqual([scene.nameOf("her-os/core:1")]);
  await store.close();
});
