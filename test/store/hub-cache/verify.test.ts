import { createHash } from "node:crypto";
import {
  appendFile,
  chmod,
  lstat,
  mkdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requireSound, verifyModels } from "../../../src/store/hub-cache/verify.ts";
import { model, openScene, type Scene } from "../../download/scene.ts";

const voice = model("voice", "demo/voice");
const memory = model("memory", "demo/memory");
let scene: Scene;

beforeEach(async () => {
  scene = await openScene({
    repos: [
      {
        id: "demo/voice",
        files: [
          { path: "config.json", content: "{}" },
          { path: "parts/model.safetensors", sizeBytes: 3_000_000 },
        ],
      },
      { id: "demo/memory", files: [{ path: "model.bin", sizeBytes: 100_000 }] },
    ],
  });
  await scene.pull([voice]);
});

afterEach(() => scene[Symbol.asyncDispose]());

async function verify(models = [voice, memory], whole = false) {
  scene.events.length = 0;
  const signal = new AbortController().signal;
  return verifyModels({
    host: scene.host,
    survey: await scene.survey(models),
    whole,
    emit: (event) => scene.events.push(event),
    signal,
  });
}

/** Where the snapshot's link leads. */
async function blobOf(path: string): Promise<string> {
  const [snapshot] = (await scene.survey([voice])).models[0]?.snapshots ?? [];
  const place = join(snapshot?.path ?? "", path);
  return join(place, "..", await readlink(place));
}

async function placeOf(path: string): Promise<string> {
  const [snapshot] = (await scene.survey([voice])).models[0]?.snapshots ?? [];
  return join(snapshot?.path ?? "", path);
}

describe("verifying the cache", () => {
  test("finds nothing wrong with what was downloaded, and tells each file's hash and the way there", async () => {
    const { damaged, files, bytes } = await verify();
    expect(damaged).toEqual([]);
    expect(files).toBe(2);
    expect(bytes).toBe(3_000_002);
    expect(scene.of("verify.finished")).toMatchObject([{ files: 2, bytes, damaged: 0 }]);
    const config = scene.of("file.verified").find(({ path }) => path === "config.json");
    expect(config?.sha256).toBe(createHash("sha256").update("{}").digest("hex"));
    expect(scene.of("verify.progress").at(-1)).toMatchObject({
      checkedFiles: 2,
      checkedBytes: 3_000_002,
      totalBytes: 3_000_002,
      models: [{ id: "voice", state: "ready", verifiedBytes: 3_000_002 }],
    });
    expect(() => requireSound(damaged)).not.toThrow();
  });

  test("finds a byte that changed, and names both hashes", async () => {
    const blob = await blobOf("parts/model.safetensors");
    await writeFile(blob, Buffer.alloc(1, 255), { flag: "r+" });
    const { damaged } = await verify();
    expect(damaged).toMatchObject([
      { path: "parts/model.safetensors", reason: "hash", file: blob, neededBy: ["voice"] },
    ]);
    const [first] = damaged;
    expect(first?.found).toMatch(/^[0-9a-f]{64}$/);
    expect(scene.of("file.damaged")).toMatchObject([
      { found: first?.found, expected: first?.expected },
    ]);
    expect(() => requireSound(damaged)).toThrow(
      expect.objectContaining({
        code: "models.damaged",
        exitCode: 6,
        message: expect.stringMatching(
          new RegExp(
            `^parts/model.safetensors of demo/voice .*${first?.found}.*${first?.expected}`,
          ),
        ) as unknown,
        hint: expect.stringContaining("heros models repair") as unknown,
      }),
    );
  });

  test("finds a folder where a file should be", async () => {
    const blob = await blobOf("parts/model.safetensors");
    await rm(blob);
    await mkdir(blob);
    expect((await verify()).damaged).toMatchObject([
      { path: "parts/model.safetensors", reason: "unreadable", found: "not a file" },
    ]);
  });

  test("finds a wrong size, a link that leads nowhere, a link that leads elsewhere and a link that is gone", async () => {
    const blob = await blobOf("parts/model.safetensors");
    await appendFile(blob, "more");
    expect((await verify()).damaged).toMatchObject([
      { reason: "size", expected: "3000000", found: "3000004" },
    ]);
    await rm(blob);
    expect((await verify()).damaged).toMatchObject([{ reason: "missing", file: blob }]);
    const config = await placeOf("config.json");
    await rm(config);
    await symlink("/etc/hostname", config);
    expect((await verify()).damaged.map(({ reason }) => reason).toSorted()).toEqual([
      "link",
      "missing",
    ]);
    await rm(config);
    expect((await verify()).damaged).toMatchObject([
      { path: "config.json", reason: "missing", file: config },
      { path: "parts/model.safetensors" },
    ]);
  });

  test("reads a blob in the shared store through its link, and leaves everything as it is", async () => {
    const blob = await blobOf("parts/model.safetensors");
    const store = join(scene.cacheDir, "blobs/ab");
    await mkdir(store, { recursive: true });
    await rename(blob, join(store, "xet"));
    await symlink(join(store, "xet"), blob);
    expect((await verify()).damaged).toEqual([]);
    await chmod(join(store, "xet"), 0o644);
    await writeFile(join(store, "xet"), Buffer.alloc(1, 255), { flag: "r+" });
    expect((await verify()).damaged).toMatchObject([{ reason: "hash", file: blob }]);
    expect((await lstat(blob)).isSymbolicLink()).toBe(true);
  });

  test("counts what a model that is still coming lacks only where it is asked for whole", async () => {
    expect((await verify([memory])).damaged).toEqual([]);
    expect((await verify([memory], true)).damaged).toMatchObject([
      { path: "model.bin", reason: "missing", found: null },
    ]);
  });

  test("stops at once when it is told to", async () => {
    const survey = await scene.survey([voice]);
    const stop = new AbortController();
    const checking = verifyModels({
      host: scene.host,
      survey,
      whole: false,
      emit: () => stop.abort(),
      signal: stop.signal,
    });
    await expect(checking).rejects.toMatchObject({ name: "AbortError" });
  });
});
