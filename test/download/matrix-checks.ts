import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { placesOf } from "../../src/store/hub-cache/layout.ts";
import { type Amount, files, repo, type World } from "./matrix.ts";

/** Every file is there with the right bytes, and nothing of ours is left. */
export async function expectWhole({ scene }: World, amount: Amount): Promise<void> {
  const root = join(scene.cacheDir, "models--org--model");
  const commit = scene.served.commit(repo);
  for (const { path } of files[amount]) {
    const content = await readFile(join(root, "snapshots", commit, path));
    const { blobName } = await scene.served.file(repo, path).identify();
    expect(hashLike(blobName, content), path).toBe(blobName);
  }
  expect((await readdir(root)).toSorted()).toEqual(["blobs", "refs", "snapshots"]);
  const blobs = await readdir(join(root, "blobs"));
  expect(blobs.filter((name) => !/^[0-9a-f]+$/u.test(name))).toEqual([]);
  await expect(stat(join(scene.cacheDir, ".heros"))).rejects.toThrow("ENOENT");
  expect(scene.of("model.ready")).toHaveLength(1);
}

/** What has a blob's name has its content, and no program sees half a model. */
export async function expectNothingWrong({ scene }: World): Promise<void> {
  const { root, staging } = placesOf(scene.cacheDir, repo);
  const names = await readdir(staging).catch(() => []);
  for (const name of names.filter((one) => /^[0-9a-f]+$/u.test(one))) {
    expect(hashLike(name, await readFile(join(staging, name)))).toBe(name);
  }
  await expect(stat(root)).rejects.toThrow("ENOENT");
  expect(scene.of("model.ready")).toEqual([]);
}

/** The hash of this content that a blob of this name would have. */
function hashLike(blobName: string, content: Buffer): string {
  if (blobName.length === 64) return createHash("sha256").update(content).digest("hex");
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}
