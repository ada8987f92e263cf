import { createHash } from "node:crypto";
import {
  lstat,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { scanCacheDir } from "@huggingface/hub";
import { expect, test } from "vitest";
import { model, openScene, type Scene } from "./scene.ts";

const whisper = {
  id: "openai/whisper",
  files: [
    { path: "config.json", content: '{"a":1}' },
    { path: "empty.txt", content: "" },
    { path: "model.safetensors", sizeBytes: 3_000_001 },
    { path: "onnx/deep/encoder.onnx", sizeBytes: 700_000 },
    { path: "copy/config.json", content: '{"a":1}' },
  ],
};
const embedding = {
  id: "Qwen/embedding",
  files: [
    { path: "config.json", content: "{}" },
    { path: "model.safetensors", sizeBytes: 1_500_000 },
    { path: "vocab.json", sizeBytes: 90_000 },
  ],
};
const models = [
  model("whisper", whisper.id, { priority: 2 }),
  model("embedding", embedding.id, { priority: 1 }),
];

/** The file as a program reads it, and as the Hub would send it. */
async function sameAsServed({ served, cacheDir }: Scene, repo: string, path: string) {
  const commit = served.commit(repo);
  const folder = `models--${repo.replace("/", "--")}`;
  const bytes = await readFile(join(cacheDir, folder, "snapshots", commit, path));
  const { sizeBytes, sha256, gitSha1 } = await served.file(repo, path).identify();
  const git = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
  const found = createHash("sha256").update(bytes).digest("hex");
  return bytes.length === sizeBytes && (sha256 === null ? git === gitSha1 : found === sha256);
}

test("several models land in the layout of the Hub's cache", async () => {
  await using scene = await openScene({ repos: [whisper, embedding], pageSize: 2 });
  await scene.pull(models);
  for (const repo of [whisper, embedding]) {
    for (const { path } of repo.files) {
      expect(await sameAsServed(scene, repo.id, path), path).toBe(true);
    }
  }
  expect(
    scene
      .of("model.ready")
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(["embedding", "whisper"]);
  expect(scene.of("file.verified")).toHaveLength(7);

  const root = join(scene.cacheDir, "models--openai--whisper");
  expect(await readFile(join(root, "refs/main"), "utf8")).toBe(scene.served.commit(whisper.id));
  const snapshot = join(root, "snapshots", scene.served.commit(whisper.id));
  expect(await readlink(join(snapshot, "onnx/deep/encoder.onnx"))).toMatch(
    /^\.\.\/\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/u,
  );
  expect(await readFile(join(scene.cacheDir, "CACHEDIR.TAG"), "utf8")).toMatch(
    /^Signature: 8a477f597d28d172789f06886806bc55/u,
  );
  // Nothing of ours is left, and no `trees` that would bind Python's client.
  expect((await readdir(root)).toSorted()).toEqual(["blobs", "refs", "snapshots"]);
  expect((await readdir(join(root, "blobs"))).filter((name) => name.includes("heros"))).toEqual([]);

  const scan = await scanCacheDir(scene.cacheDir);
  expect(scan.warnings).toEqual([]);
  expect(scan.repos.map(({ id }) => id.name).toSorted()).toEqual([embedding.id, whisper.id]);
});

test("all of the lower tier is fetched before the first byte of the next", async () => {
  await using scene = await openScene({ repos: [whisper, embedding] });
  await scene.pull(models, { maxConnections: 1 });
  const order = scene.of("file.started").map(({ repo }) => repo);
  expect(order.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => embedding.id));
  expect(new Set(order.slice(3))).toEqual(new Set([whisper.id]));
});

test("the second run fetches nothing, and for a commit asks nothing", async () => {
  await using scene = await openScene({ repos: [whisper] });
  const pinned = [model("whisper", whisper.id, { revision: scene.served.commit(whisper.id) })];
  await scene.pull(pinned);
  const root = join(scene.cacheDir, "models--openai--whisper");
  expect(await readFile(join(root, "refs/main"), "utf8")).toBe(scene.served.commit(whisper.id));

  scene.served.forgetRequests();
  const survey = await scene.pull(pinned);
  expect(survey.neededBytes).toBe(0);
  expect(scene.served.requests).toEqual([]);
  expect(scene.of("model.ready")).toHaveLength(1);
  expect(scene.of("download.finished")[0]?.fetchedBytes).toBe(0);

  await scene.pull([model("whisper", whisper.id)]);
  expect(scene.served.sentBytes()).toBe(0);
});

test("patterns choose files, and a file that two models need comes once", async () => {
  await using scene = await openScene({ repos: [whisper] });
  await scene.pull([
    model("a", whisper.id, { files: ["config.json", "onnx/*"] }),
    model("b", whisper.id, { files: ["config.json", "copy/"], priority: 2 }),
  ]);
  const snapshot = join(
    scene.cacheDir,
    "models--openai--whisper/snapshots",
    scene.served.commit(whisper.id),
  );
  expect((await readdir(snapshot)).toSorted()).toEqual(["config.json", "copy", "onnx"]);
  expect(scene.served.sentBytes({ path: "config.json" })).toBe(7);
  expect(scene.served.sentBytes({ path: "copy/config.json" })).toBe(0);
  await expect(scene.survey([model("c", whisper.id, { files: ["nothing.bin"] })])).rejects.toThrow(
    expect.objectContaining({ code: "hub.file_not_found", exitCode: 2 }),
  );
});

test("a repository without a file is no model", async () => {
  await using scene = await openScene({ repos: [{ id: "o/empty", files: [] }] });
  const pinned = model("empty", "o/empty", { revision: scene.served.commit("o/empty") });
  for (const each of [pinned, model("empty", "o/empty")]) {
    await expect(scene.pull([each])).rejects.toMatchObject({
      code: "hub.file_not_found",
      exitCode: 2,
    });
  }
});

test("a cached file of the wrong size, a dangling link and a link to another blob are mended", async () => {
  await using scene = await openScene({ repos: [whisper] });
  await scene.pull([model("whisper", whisper.id)]);
  const root = join(scene.cacheDir, "models--openai--whisper");
  const snapshot = join(root, "snapshots", scene.served.commit(whisper.id));
  const blobOf = async (path: string) =>
    join(root, "blobs", (await readlink(join(snapshot, path))).split("/").at(-1) ?? "");
  await truncate(await blobOf("model.safetensors"), 1000);
  await rm(await blobOf("onnx/deep/encoder.onnx"));
  await rm(join(snapshot, "empty.txt"));
  await symlink("../../blobs/nowhere", join(snapshot, "empty.txt"));

  const survey = await scene.pull([model("whisper", whisper.id)]);
  expect(survey.totalBytes - survey.cachedBytes).toBe(3_700_001);
  for (const { path } of whisper.files) {
    expect(await sameAsServed(scene, whisper.id, path), path).toBe(true);
  }
});

test("a blob that is a link into a shared store is read through, and replaced rather than written through", async () => {
  await using scene = await openScene({ repos: [embedding] });
  await scene.pull([model("e", embedding.id)]);
  const root = join(scene.cacheDir, "models--Qwen--embedding");
  const snapshot = join(root, "snapshots", scene.served.commit(embedding.id));
  const name = (await readlink(join(snapshot, "model.safetensors"))).split("/").at(-1) ?? "";
  const blob = join(root, "blobs", name);
  const shared = join(scene.folder, "shared");
  await writeFile(shared, await readFile(blob));
  await rm(blob);
  await symlink(shared, blob);
  expect((await scene.survey([model("e", embedding.id)])).neededBytes).toBe(0);

  await writeFile(shared, "too short");
  await scene.pull([model("e", embedding.id)]);
  expect(await readFile(shared, "utf8")).toBe("too short");
  expect((await lstat(blob)).isSymbolicLink()).toBe(false);
  expect(await sameAsServed(scene, embedding.id, "model.safetensors")).toBe(true);
});

test("a branch that moved brings the new commit, and the old one's blobs serve again", async () => {
  await using scene = await openScene({ repos: [embedding] });
  await scene.pull([model("e", embedding.id)]);
  const [, ...rest] = embedding.files;
  const files = [{ path: "config.json", content: "{ }" }, ...rest];
  const commit = scene.served.publish({ ...embedding, files });
  scene.served.forgetRequests();
  await scene.pull([model("e", embedding.id)]);
  expect(scene.served.sentBytes()).toBe(3);
  const root = join(scene.cacheDir, "models--Qwen--embedding");
  expect(await readFile(join(root, "refs/main"), "utf8")).toBe(commit);
  expect(await readdir(join(root, "snapshots"))).toHaveLength(2);
});

test("offline, three of the files that are missing are named, and how many there are besides", async () => {
  const files = ["a", "b", "c", "d", "e"].map((path) => ({ path, content: path }));
  await using scene = await openScene({ repos: [{ id: "o/m", files }] });
  const names = files.map(({ path }) => path);
  // As the cache knows it once it was listed.
  await scene.pull([model("m", "o/m", { files: names.slice(0, 1) })]);
  const hub = scene.hub({ offline: true });
  const missing = (of: readonly string[]) =>
    scene.pull([model("m", "o/m", { files: of })], { hub }).catch((error: unknown) => error);
  expect(await missing(names)).toMatchObject({
    message: expect.stringContaining("b of o/m, c of o/m, d of o/m, 1 more files") as string,
  });
  expect(await missing(names.slice(0, 4))).toMatchObject({
    message: expect.not.stringContaining("more files") as string,
  });
});

test("offline, what the cache has is enough, and what it lacks is named", async () => {
  await using scene = await openScene({ repos: [whisper, embedding] });
  await scene.pull([model("e", embedding.id)]);
  scene.served.forgetRequests();
  const hub = scene.hub({ offline: true });
  await scene.pull([model("e", embedding.id)], { hub });
  expect(scene.of("model.ready")).toHaveLength(1);

  // As after Python's own download: no listing was kept.
  await rm(join(scene.folder, "state"), { recursive: true });
  await scene.pull([model("e", embedding.id, { files: ["config.json"] })], { hub });
  expect(scene.of("model.ready")).toHaveLength(1);

  await expect(scene.pull(models, { hub })).rejects.toThrow(
    expect.objectContaining({
      code: "hub.offline",
      exitCode: 5,
      message: expect.stringContaining("openai/whisper") as string,
    }),
  );
  expect(scene.served.requests).toEqual([]);
});
