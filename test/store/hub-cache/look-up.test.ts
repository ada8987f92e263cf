import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readBytes } from "../../../src/demo/hub/content.ts";
import { journalPath, partialPath, placesOf } from "../../../src/store/hub-cache/layout.ts";
import { model, openScene, type Scene } from "../../download/scene.ts";

const repo = "org/model";
const large = { path: "deep/model.safetensors", sizeBytes: 700_000 };
const small = { path: "config.json", content: '{"model_type":"test"}' };
const repos = [{ id: repo, files: [large, small] }];
const models = [model("m", repo)];

interface Cached {
  readonly scene: Scene;
  readonly truth: Buffer;
  /** Of the large file. */
  readonly blob: string;
  readonly blobName: string;
  readonly linked: string;
  /** A file or folder that is none of heros' business. */
  readonly mine: string;
}

/** A cache with everything in it, and a file outside. */
async function fill(scene: Scene): Promise<Cached> {
  await scene.pull(models);
  const places = placesOf(scene.cacheDir, repo);
  const hosted = scene.served.file(repo, large.path);
  const { blobName } = await hosted.identify();
  const mine = join(scene.folder, "mine");
  await mkdir(mine);
  return {
    scene,
    truth: readBytes(hosted.source),
    blob: join(places.blobs, blobName),
    blobName,
    linked: join(places.snapshots, scene.served.commit(repo), large.path),
    mine,
  };
}

async function expectMended({ scene, truth, blob, linked, mine }: Cached): Promise<void> {
  const survey = await scene.survey(models);
  expect(survey.cachedBytes, "not taken for good").toBeLessThan(survey.totalBytes);
  const before = await contents(mine);
  await scene.pull(models);
  expect((await readFile(linked)).equals(truth)).toBe(true);
  expect((await lstat(blob)).isFile()).toBe(true);
  expect(await contents(mine), "not written through").toEqual(before);
}

/** Names, kinds and contents of all that is in a folder. */
async function contents(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return Promise.all(
    entries.map(async (entry) => {
      const place = join(entry.parentPath, entry.name);
      if (entry.isSymbolicLink()) return `${place} -> ${await readlink(place)}`;
      return entry.isFile() ? `${place}: ${await readFile(place, "latin1")}` : place;
    }),
  );
}

const blobs: [string, (cached: Cached) => Promise<void>][] = [
  ["of the wrong size", ({ blob }) => truncate(blob, 1000)],
  [
    "of the wrong size and read-only",
    async ({ blob }) => {
      await truncate(blob, 1000);
      await chmod(blob, 0o444);
    },
  ],
  [
    "of the wrong size, with a second name elsewhere",
    async ({ blob, mine }) => {
      await link(blob, join(mine, "second-name"));
      await truncate(blob, 1000);
    },
  ],
  [
    "that leads to a shared file of the wrong size",
    async ({ blob, mine }) => {
      const shared = join(mine, "shared");
      await writeFile(shared, "short", { mode: 0o444 });
      await rm(blob);
      await symlink(shared, blob);
    },
  ],
  [
    "that leads nowhere",
    async ({ blob, mine }) => {
      await rm(blob);
      await symlink(join(mine, "gone"), blob);
    },
  ],
  [
    "that leads to itself",
    async ({ blob, blobName }) => {
      await rm(blob);
      await symlink(blobName, blob);
    },
  ],
];

test.each(blobs)("a blob %s is replaced, never written through", async (_, spoil) => {
  await using scene = await openScene({ repos });
  const cached = await fill(scene);
  await spoil(cached);
  await expectMended(cached);
  expect(scene.of("file.verified")).toHaveLength(1);
});

test("a link in a snapshot that leads out of the cache is not taken, though the size be right", async () => {
  await using scene = await openScene({ repos });
  const { linked, blob, mine, truth } = await fill(scene);
  const other = join(mine, "other");
  await writeFile(other, truth.fill(7, 0, 10));
  await rm(linked);
  await symlink(other, linked);
  scene.served.forgetRequests();
  await scene.pull(models);
  // The blob itself was good.
  expect(scene.served.sentBytes()).toBe(0);
  expect((await readFile(linked)).equals(await readFile(blob))).toBe(true);
  expect((await readFile(other)).equals(truth)).toBe(true);
});

test("a folder in a snapshot that leads out of the cache is replaced by one of its own", async () => {
  await using scene = await openScene({ repos });
  const { linked, mine, truth } = await fill(scene);
  await rm(dirname(linked), { recursive: true });
  await symlink(mine, dirname(linked));
  await scene.pull(models);
  expect(await readdir(mine)).toEqual([]);
  expect((await lstat(dirname(linked))).isDirectory()).toBe(true);
  expect((await readFile(linked)).equals(truth)).toBe(true);
});

test("links where partials, journals and passing files go are not written through", async () => {
  await using scene = await openScene({ repos });
  const cached = await fill(scene);
  const { mine, blob, blobName } = cached;
  const places = placesOf(scene.cacheDir, repo);
  await rm(blob);
  await mkdir(places.staging, { recursive: true });
  const journal = journalPath(places, blobName);
  const ref = join(places.root, `.heros-${scene.host.pid}-ref`);
  const passing = [partialPath(places, blobName), journal, `${journal}.new`, ref];
  for (const [index, place] of passing.entries()) {
    const target = join(mine, String(index));
    await writeFile(target, "mine");
    await symlink(target, place);
  }
  await rm(join(places.refs, "main"));
  await expectMended(cached);
  expect(await readFile(join(places.refs, "main"), "utf8")).toBe(scene.served.commit(repo));
});
