import fs, { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openToReaders } from "../../src/store/hub-cache/read-access.ts";

test("a model can be read by everybody, and nothing above its cache", async () => {
  const above = await mkdtemp(path.join(tmpdir(), "heros-access-"));
  onTestFinished(() => rm(above, { recursive: true, force: true }));
  const cacheDir = path.join(above, "hub");
  const [repo, commit, blobName] = ["a/b", "0".repeat(40), "1".repeat(64)];
  const root = path.join(cacheDir, "models--a--b");
  const snapshot = path.join(root, "snapshots", commit);
  await mkdir(path.join(snapshot, "inner"), { recursive: true });
  await mkdir(path.join(root, "blobs"));
  await mkdir(path.join(root, "refs"));
  const closed = { mode: 0o600 };
  await writeFile(path.join(root, "blobs", blobName), "bytes", closed);
  await writeFile(path.join(root, "blobs", "other"), "bytes", closed);
  await writeFile(path.join(root, "refs", "main"), commit, closed);
  await symlink(`../../../blobs/${blobName}`, path.join(snapshot, "inner", "file"));
  const folders = ["hub", "hub/models--a--b/blobs", "hub/models--a--b/refs"];
  const inner = `hub/models--a--b/snapshots/${commit}/inner`;
  for (const each of [...folders, inner]) await chmod(path.join(above, each), 0o700);

  const file = { path: "inner/file", blobName, linked: true };
  const snapshots = [{ repo, revision: "main", commit, path: snapshot, files: [file] }];
  const blob = { repo, blobName, sizeBytes: 5 };
  await openToReaders(fs, { cacheDir, blobs: [blob as never] }, { snapshots });

  const modeOf = async (name: string) =>
    ((await stat(path.join(above, name))).mode & 0o777).toString(8);
  for (const each of [...folders, inner]) expect([each, await modeOf(each)]).toEqual([each, "755"]);
  expect(await modeOf(`hub/models--a--b/blobs/${blobName}`)).toBe("644");
  expect(await modeOf("hub/models--a--b/refs/main")).toBe("644");
  expect(await modeOf("hub/models--a--b/blobs/other")).toBe("600");
  expect(await modeOf("")).toBe("700");
});
