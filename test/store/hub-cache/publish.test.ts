import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placesOf } from "../../../src/store/hub-cache/layout.ts";
import { linkSnapshot, publishModel } from "../../../src/store/hub-cache/publish.ts";
import type { Host } from "../../../src/host/host.ts";
import { model, openScene, type Scene } from "../../download/scene.ts";
import { mountDisk } from "../../download/small-disk.ts";

const repo = "org/model";
const config = { path: "config.json", content: '{"model_type":"test"}' };
const weights = { path: "model.safetensors", sizeBytes: 300_000 };

/** The same host, on a disk so slow that the pool looks around before the first folder of a model is made. */
function withSlowPublishing({ host }: Scene): Host {
  let look = (): void => {};
  const sleep: Host["clock"]["sleep"] = async (ms, signal) => {
    await host.clock.sleep(ms, signal);
    look();
  };
  const mkdirSlowly = async (...given: Parameters<typeof mkdir>) => {
    if (String(given[0]).endsWith("/snapshots")) {
      await new Promise<void>((resolve) => {
        look = resolve;
      });
    }
    return mkdir(...given);
  };
  return {
    ...host,
    clock: { ...host.clock, sleep },
    files: { ...host.files, mkdir: mkdirSlowly as Host["files"]["mkdir"] },
  };
}

const names: [string, (scene: Scene) => Promise<void>, string][] = [
  [
    "refs is a plain file",
    async ({ cacheDir }) => {
      const { root, refs } = placesOf(cacheDir, repo);
      await mkdir(root, { recursive: true });
      await writeFile(refs, "mine");
    },
    "refs",
  ],
  [
    "snapshots is a plain file",
    async ({ cacheDir }) => {
      const { root, snapshots } = placesOf(cacheDir, repo);
      await mkdir(root, { recursive: true });
      await writeFile(snapshots, "mine");
    },
    "snapshots",
  ],
];

test.each(names)("where %s, the run fails, and the file stays", async (_, spoil, name) => {
  await using scene = await openScene({ repos: [{ id: repo, files: [config, weights] }] });
  await spoil(scene);
  await expect(
    scene.pull([model("m", repo)], { host: withSlowPublishing(scene) }),
  ).rejects.toMatchObject({ code: "cache.not_writable", exitCode: 1 });
  expect(scene.of("model.ready")).toEqual([]);
  expect(scene.of("download.finished")).toEqual([]);
  expect(await readFile(join(placesOf(scene.cacheDir, repo).root, name), "utf8")).toBe("mine");
});

test("where a name is too long for the disk, the run fails", async () => {
  const files = [weights, { path: "a".repeat(256), content: "too long" }];
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  await expect(
    scene.pull([model("m", repo)], { host: withSlowPublishing(scene) }),
  ).rejects.toThrow();
  expect(scene.of("model.ready")).toEqual([]);
});

test("where one model can't be published, those that are whole by then are ready, and the run fails", async () => {
  const others = [{ path: "other.bin", sizeBytes: 200_000 }];
  const repos = [
    { id: repo, files: [config, weights] },
    { id: "org/other", files: others },
  ];
  await using scene = await openScene({ repos });
  await scene.pull([model("m", repo), model("other", "org/other")]);
  await rm(placesOf(scene.cacheDir, "org/other").snapshots, { recursive: true });
  const { snapshots } = placesOf(scene.cacheDir, repo);
  await rm(snapshots, { recursive: true });
  await writeFile(snapshots, "mine");
  await expect(scene.pull([model("m", repo), model("other", "org/other")])).rejects.toMatchObject({
    code: "cache.not_writable",
  });
  expect(scene.of("model.ready").map(({ id }) => id)).toEqual(["other"]);
});

test("where the disk takes no more files, the run fails as for a full one", async ({ skip }) => {
  const many = Array.from({ length: 120 }, (_, index) => ({ path: `${index}.json`, content: "1" }));
  await using scene = await openScene({ repos: [{ id: repo, files: [weights, ...many] }] });
  await mkdir(scene.cacheDir);
  using disk = mountDisk(scene.cacheDir, "nr_inodes=60");
  if (disk === null) skip("only root may mount");
  await expect(
    scene.pull([model("m", repo)], { host: withSlowPublishing(scene) }),
  ).rejects.toMatchObject({ code: "disk.full", exitCode: 7 });
  expect(scene.of("model.ready")).toEqual([]);
});

test("a new snapshot of a repository that is there appears with all its files", async () => {
  const files = [config, weights, { path: "parts/vocab.json", content: "[]" }];
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  await scene.pull([model("m", repo)]);
  const places = placesOf(scene.cacheDir, repo);
  await rm(join(places.snapshots, scene.served.commit(repo)), { recursive: true });
  const [snapshot] = (await scene.survey([model("m", repo)])).models[0]?.snapshots ?? [];
  if (snapshot === undefined) throw new Error("no snapshot");
  const seen: string[][] = [];
  const symlinkAndLook: typeof symlink = async (target, path) => {
    await symlink(target, path);
    seen.push(await readdir(snapshot.path).catch(() => []));
  };
  const doors = { ...scene.host.files, symlink: symlinkAndLook };
  await linkSnapshot(doors, snapshot, { ...places, pid: process.pid });
  expect(seen).toEqual(files.map(() => []));
  expect((await readdir(snapshot.path)).toSorted()).toEqual([
    "config.json",
    "model.safetensors",
    "parts",
  ]);
});

test("where a folder became a link to nowhere since it was looked at, a model is not published", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files: [config] }] });
  await scene.pull([model("m", repo)]);
  const { snapshots } = placesOf(scene.cacheDir, repo);
  await rm(snapshots, { recursive: true });
  const survey = await scene.survey([model("m", repo)]);
  const [first] = survey.models;
  if (first === undefined) throw new Error("no model");
  await symlink("/nowhere", snapshots);
  const { signal } = new AbortController();
  await expect(
    publishModel(scene.host, { survey, item: first, lockRetryMs: 10, signal }),
  ).rejects.toMatchObject({ code: "cache.broken_link" });
});

test("a commit is found as main, a branch as itself", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files: [config] }] });
  const commit = scene.served.commit(repo);
  const { refs } = placesOf(scene.cacheDir, repo);
  await scene.pull([model("m", repo, { revision: commit })]);
  expect(await readdir(refs)).toEqual(["main"]);
  expect(await readFile(join(refs, "main"), "utf8")).toBe(commit);
});
