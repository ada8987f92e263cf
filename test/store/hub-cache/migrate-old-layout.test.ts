import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { lstat, mkdir, readdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placesOf } from "../../../src/store/hub-cache/layout.ts";
import type { Files } from "../../../src/host/host.ts";
import type { HerosEvent } from "../../../src/run/event.ts";
import {
  config,
  expectWhole,
  files,
  leaveAsBefore,
  models,
  repo,
  weights,
} from "../../download/one-model.ts";
import { openScene, type Scene } from "../../download/scene.ts";
import { mountDisk } from "../../download/small-disk.ts";

const missing = { answer: { status: 404, headers: { "x-error-code": "EntryNotFound" } } };

/** Puts the repository's blobs on a disk of its own, at this folder; null where this user may mount none. */
async function mountBlobs(scene: Scene, folder: string): Promise<Disposable | null> {
  await mkdir(folder);
  const disk = mountDisk(folder);
  const { root, blobs } = placesOf(scene.cacheDir, repo);
  await mkdir(root, { recursive: true });
  await symlink(folder, blobs);
  return disk;
}

test("what a former heros kept in the repository's folder is taken over, and the folder goes until the model is whole", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const { heldBytes } = await leaveAsBefore(scene);
  const survey = await scene.survey(models);
  expect(survey.resumedBytes).toBe(heldBytes);
  expect(survey.cachedBytes).toBe(config.content.length);
  scene.served.setIntercept(({ file }) => (file === null ? undefined : missing));
  await expect(scene.pull(models)).rejects.toMatchObject({
    code: "hub.file_not_found",
  });
  expect(existsSync(placesOf(scene.cacheDir, repo).root)).toBe(false);
  expect((await scene.survey(models)).resumedBytes).toBe(heldBytes);
  scene.served.setIntercept(undefined);
  scene.served.forgetRequests();
  await scene.pull(models);
  expect(scene.served.sentBytes()).toBe(weights.sizeBytes - heldBytes + 30_000);
  await expectWhole(scene);
});

test("where the blobs are on another disk, they are copied there and then get their names", async ({
  skip,
}) => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const elsewhere = join(scene.folder, "elsewhere");
  using disk = await mountBlobs(scene, elsewhere);
  if (disk === null) skip("only root may mount");
  const { heldBytes } = await leaveAsBefore(scene);
  const renamed: string[] = [];
  const { host } = scene;
  const renaming: Files["rename"] = async (from, to) => {
    await host.files.rename(from, to);
    if (String(to).startsWith(elsewhere)) renamed.push(String(from).replace(/^.*\./u, "."));
  };
  await scene.pull(models, { host: { ...host, files: { ...host.files, rename: renaming } } });
  expect(scene.served.sentBytes()).toBe(weights.sizeBytes - heldBytes + 30_000);
  expect(renamed).toEqual([".heros-copy", ".heros-copy"]);
  expect(await readlink(placesOf(scene.cacheDir, repo).blobs)).toBe(elsewhere);
  await expectWhole(scene);
  expect((await readdir(elsewhere)).filter((name) => !/^[0-9a-f]+$/u.test(name))).toEqual([]);
});

test("a disk that the blobs do not fit on is found out before the first byte", async ({ skip }) => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const elsewhere = join(scene.folder, "elsewhere");
  using disk = await mountBlobs(scene, elsewhere);
  if (disk === null) skip("only root may mount");
  spawnSync("mount", ["-o", "remount,size=32m", elsewhere]);
  await expect(scene.pull(models)).rejects.toMatchObject({ code: "disk.too_small", exitCode: 7 });
  expect(scene.served.sentBytes()).toBe(0);
});

test("a blob that another disk does not take leaves nothing half there, and comes later", async ({
  skip,
}) => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const elsewhere = join(scene.folder, "elsewhere");
  using disk = await mountBlobs(scene, elsewhere);
  if (disk === null) skip("only root may mount");
  // Something else fills it while heros downloads.
  const onEvent = (event: HerosEvent): void => {
    if (event.type === "download.planned") resize("400k");
  };
  const resize = (size: string) => spawnSync("mount", ["-o", `remount,size=${size}`, elsewhere]);
  await expect(scene.pull(models, { onEvent })).rejects.toMatchObject({
    code: "disk.full",
    exitCode: 7,
  });
  expect(scene.of("model.ready")).toEqual([]);
  expect((await readdir(elsewhere)).filter((name) => !/^[0-9a-f]+$/u.test(name))).toEqual([]);
  resize("256m");
  scene.served.forgetRequests();
  await scene.pull(models);
  expect(scene.served.sentBytes()).toBe(0);
  await expectWhole(scene);
});

test("a cache that was moved works from its new place", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  await scene.pull(models);
  const moved = join(scene.folder, "moved");
  await rename(scene.cacheDir, moved);
  await symlink(moved, scene.cacheDir);
  await rm(placesOf(moved, repo).snapshots, { recursive: true });
  await scene.pull(models);
  expect((await lstat(scene.cacheDir)).isSymbolicLink()).toBe(true);
  await expectWhole(scene);
});
