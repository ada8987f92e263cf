import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { readBytes } from "../../src/demo/hub/content.ts";
import { formerPlaces, partialPaths, placesOf } from "../../src/store/hub-cache/layout.ts";
import { openPartial } from "../../src/store/partial.ts";
import { model, type Scene } from "./scene.ts";
import { readBootId } from "../../src/host/process-table.ts";

export const repo = "Qwen/Qwen3-Embedding-8B";
export const config = { path: "config.json", content: '{"model_type":"test"}' };
export const weights = { path: "onnx/model.safetensors", sizeBytes: 700_000 };
export const files = [config, weights, { path: "vocab.json", sizeBytes: 30_000 }];
export const models = [model("m", repo)];
/** Every file is there, with the right bytes, and nothing of heros beside it. */
export async function expectWhole(scene: Scene, of = files, name = repo): Promise<void> {
  const places = placesOf(scene.cacheDir, name);
  for (const { path } of of) {
    const content = await readFile(join(places.snapshots, scene.served.commit(name), path));
    expect(content.equals(readBytes(scene.served.file(name, path).source)), path).toBe(true);
  }
  const names = await readdir(scene.cacheDir, { recursive: true });
  expect(names.filter((each) => each.includes(".heros"))).toEqual([]);
}

/** As a former heros left it when it was stopped: one blob verified, one half there, both in the repository's folder. */
export async function leaveAsBefore(scene: Scene): Promise<{ heldBytes: number }> {
  const former = formerPlaces(placesOf(scene.cacheDir, repo));
  await mkdir(former.blobs, { recursive: true });
  const { blobName } = await scene.served.file(repo, weights.path).identify();
  const blob = { blobName, sizeBytes: weights.sizeBytes };
  const bootId = await readBootId(scene.host.files);
  const partial = await openPartial(scene.host.files, partialPaths(former, blobName), blob, {
    bootId,
    noteBytes: 0,
  });
  await partial.write(readBytes(scene.served.file(repo, weights.path).source, 0, 400_000), 0);
  await partial.close();
  const small = await scene.served.file(repo, config.path).identify();
  await writeFile(join(former.blobs, small.blobName), config.content);
  return { heldBytes: 400_000 };
}
