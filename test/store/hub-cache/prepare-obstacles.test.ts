import { mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { partialPath, placesOf } from "../../../src/store/hub-cache/layout.ts";
import type { Host } from "../../../src/host/host.ts";
import { Failure } from "../../../src/run/failure.ts";
import { model, openScene, type Scene } from "../../download/scene.ts";

const files = [
  { path: "config.json", content: "{}" },
  { path: "deep/model.safetensors", sizeBytes: 700_000 },
];
const repos = [
  { id: "org/first", files },
  { id: "org/second", files },
];
const models = [model("first", "org/first"), model("second", "org/second", { priority: 2 })];

function refusal(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: refused, ${call} '${path}'`), { code, path });
}

/** The same host on a file system of other powers. */
function withFiles({ host }: Scene, changes: Partial<Host["files"]>): Host {
  return { ...host, files: { ...host.files, ...changes } };
}

async function failureOf(pulling: Promise<unknown>): Promise<Failure> {
  const error: unknown = await pulling.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw new Error("no failure", { cause: error });
}

test.each(["EPERM", "EOPNOTSUPP", "ENOSYS"])(
  "a file system without links (%s) is found out before the first byte, and named",
  async (code) => {
    await using scene = await openScene({ repos });
    const host: Host = {
      ...withFiles(scene, {
        symlink: (_target, path) => Promise.reject(refusal(code, "symlink", String(path))),
      }),
      system: {
        ...scene.host.system,
        fileSystems: async () => [{ device: "/dev/sdb1", type: "fuseblk", mount: "/" }],
      },
    };
    const failure = await failureOf(scene.pull(models, { host }));
    expect(failure).toMatchObject({ code: "cache.no_symlinks", exitCode: 1 });
    expect(failure.message).toContain("fuseblk");
    expect(scene.served.sentBytes()).toBe(0);
    expect(await readdir(scene.cacheDir)).not.toContain("models--org--first");
    expect(await readdir(scene.cacheDir)).not.toContain(".heros-link");
  },
);

test("a trial link that a killed run left behind is no trouble, nor is any left by a run that ends", async () => {
  await using scene = await openScene({ repos });
  await mkdir(scene.cacheDir);
  await symlink("blobs", join(scene.cacheDir, ".heros-link"));
  await scene.pull(models);
  expect(await readdir(scene.cacheDir)).not.toContain(".heros-link");
});

/** What stands in the way of the first model, and the path that must be named. */
const obstacles: [string, string, (scene: Scene) => Promise<string>][] = [
  [
    "a blob that is a folder",
    "cache.not_writable",
    async (scene) => {
      const hosted = scene.served.file("org/first", "deep/model.safetensors");
      const { blobName } = await hosted.identify();
      const place = join(placesOf(scene.cacheDir, "org/first").blobs, blobName);
      await mkdir(join(place, "inside"), { recursive: true });
      return place;
    },
  ],
  [
    "a file of the snapshot that is a folder",
    "cache.not_writable",
    async (scene) => {
      const { snapshots } = placesOf(scene.cacheDir, "org/first");
      const place = join(snapshots, scene.served.commit("org/first"), "config.json");
      await mkdir(join(place, "inside"), { recursive: true });
      return place;
    },
  ],
  [
    "a partial of it that is a folder",
    "cache.not_writable",
    async (scene) => {
      const places = placesOf(scene.cacheDir, "org/first");
      const { blobName } = await scene.served
        .file("org/first", "deep/model.safetensors")
        .identify();
      const place = partialPath(places, blobName);
      await mkdir(join(place, "inside"), { recursive: true });
      return place;
    },
  ],
  [
    "a file where its snapshots should be",
    "cache.not_writable",
    async (scene) => {
      const { root, snapshots } = placesOf(scene.cacheDir, "org/first");
      await mkdir(root, { recursive: true });
      await writeFile(snapshots, "");
      return snapshots;
    },
  ],
  [
    "a file where its refs should be",
    "cache.not_writable",
    async (scene) => {
      const { root, refs } = placesOf(scene.cacheDir, "org/first");
      await mkdir(root, { recursive: true });
      await writeFile(refs, "");
      return refs;
    },
  ],
  [
    "a folder of it on a disk that is not mounted",
    "cache.broken_link",
    async (scene) => {
      const { root } = placesOf(scene.cacheDir, "org/first");
      await mkdir(scene.cacheDir);
      await symlink(join(scene.folder, "gone"), root);
      return root;
    },
  ],
];

test.each(obstacles)(
  "%s stops that model alone, before its first byte",
  async (_what, code, lay) => {
    await using scene = await openScene({ repos });
    const place = await lay(scene);
    const failure = await failureOf(scene.pull(models));
    expect(failure).toMatchObject({ code, exitCode: 1 });
    expect(failure.message).toContain(place);
    expect(scene.of("model.ready").map(({ id }) => id)).toEqual(["second"]);
    expect(scene.of("notice")).toMatchObject([{ code, level: "warning" }]);
    expect(scene.of("download.planned")).toMatchObject([{ files: 2 }]);
    expect(scene.served.sentBytes({ repo: "org/first" })).toBe(0);

    await rm(place, { recursive: true });
    await scene.pull(models);
    expect(scene.of("model.ready")).toHaveLength(2);
  },
);

test("a model that is left out needs no room", async () => {
  await using scene = await openScene({ repos });
  const { refs, root } = placesOf(scene.cacheDir, "org/first");
  await mkdir(root, { recursive: true });
  await writeFile(refs, "");
  const real = await scene.host.files.statfs("/");
  // Enough for one of them beside what has to stay free.
  const statfs = () => Promise.resolve(Object.assign(real, { bsize: 1000, bavail: 65_000 }));
  const host = withFiles(scene, { statfs: statfs as unknown as Host["files"]["statfs"] });
  const failure = await failureOf(scene.pull(models, { host }));
  expect(failure).toMatchObject({ code: "cache.not_writable" });
  expect(scene.of("model.ready").map(({ id }) => id)).toEqual(["second"]);
});

test("folders of another user's stop that model alone, and the advice names each and nothing else", async () => {
  await using scene = await openScene({ repos });
  const { root, blobs } = placesOf(scene.cacheDir, "org/first");
  await mkdir(blobs, { recursive: true });
  const access: Host["files"]["access"] = async (path) => {
    if (String(path).startsWith(root)) throw refusal("EACCES", "access", String(path));
  };
  const failure = await failureOf(scene.pull(models, { host: withFiles(scene, { access }) }));
  expect(failure).toMatchObject({ code: "cache.not_writable", exitCode: 1 });
  expect(failure.hint).toBe(`Fix: sudo chown "$USER" ${root} ${blobs}`);
  expect(failure.hint).not.toMatch(/ -R\b/);
  expect(scene.of("model.ready").map(({ id }) => id)).toEqual(["second"]);
});

test.each([".locks", ".heros"])(
  "a %s of another user's in which the model's folder is still to be made is named itself",
  async (name) => {
    await using scene = await openScene({ repos });
    const folder = join(scene.cacheDir, name);
    await mkdir(folder, { recursive: true });
    const access: Host["files"]["access"] = async (path) => {
      if (String(path) === folder) throw refusal("EACCES", "access", folder);
    };
    const failure = await failureOf(scene.pull(models, { host: withFiles(scene, { access }) }));
    expect(failure).toMatchObject({ code: "cache.not_writable", exitCode: 1 });
    expect(failure.hint).toBe(`Fix: sudo chown "$USER" ${folder}`);
    expect(scene.served.sentBytes()).toBe(0);
  },
);

test("a model that is whole is in nobody's way, whoever its folders belong to", async () => {
  await using scene = await openScene({ repos });
  await scene.pull(models);
  const access: Host["files"]["access"] = (path) =>
    Promise.reject(refusal("EROFS", "access", String(path)));
  await scene.pull(models, { host: withFiles(scene, { access }) });
  expect(scene.of("model.ready")).toHaveLength(2);
});
