import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placesOf, stagedPath } from "../../../src/store/hub-cache/layout.ts";
import { findAside, putAside, removeAside } from "../../../src/store/hub-cache/repair.ts";
import { verifyModels } from "../../../src/store/hub-cache/verify.ts";
import type { HerosEvent } from "../../../src/run/event.ts";
import { expectWhole, files, models, repo, weights } from "../../download/one-model.ts";
import { openScene, type Scene } from "../../download/scene.ts";

const signal = new AbortController().signal;

/** Stopped when the large file is verified and a small one still missing. */
async function interrupt(scene: Scene): Promise<string> {
  const stop = new AbortController();
  scene.served.setIntercept(({ file }) =>
    file?.path === "vocab.json" ? { stallAfterBytes: 0 } : undefined,
  );
  const pulled = scene.pull(models, {
    signal: stop.signal,
    onEvent(event) {
      if (event.type === "file.verified" && event.path === weights.path) stop.abort();
    },
  });
  await expect(pulled).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
  scene.served.setIntercept(undefined);
  const { blobName } = await scene.served.file(repo, weights.path).identify();
  return stagedPath(placesOf(scene.cacheDir, repo), blobName);
}

async function verify(scene: Scene, whole: boolean) {
  const survey = await scene.survey(models);
  const { host } = scene;
  scene.events.length = 0;
  const emit = (event: HerosEvent) => scene.events.push(event);
  return verifyModels({ host, survey, whole, emit, signal, threads: 1 });
}

test("what waits for the rest of its model is verified where it is, and is no damage", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const staged = await interrupt(scene);
  const { damaged, files: checked } = await verify(scene, false);
  expect(damaged).toEqual([]);
  expect(checked).toBeGreaterThan(0);
  const named = await verify(scene, true);
  expect(named.damaged.every(({ reason }) => reason === "missing")).toBe(true);
  // What waits there is the content of a file that is missing: one file, not two.
  const ended = scene.of("verify.finished")[0];
  expect(ended).toMatchObject({ files: files.length, damaged: files.length });
  expect(existsSync(staged)).toBe(true);
  expect(existsSync(placesOf(scene.cacheDir, repo).root)).toBe(false);
});

test("damaged while it waits, it is found, put aside where it is, fetched again, and the folder comes with the model", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const staged = await interrupt(scene);
  const content = await readFile(staged);
  await writeFile(staged, content.fill(7, 0, 100));
  const { damaged } = await verify(scene, false);
  expect(damaged).toMatchObject([{ reason: "hash", file: staged }]);
  const { host, cacheDir } = scene;
  await putAside({ host, cacheDir, damaged });
  const { root, staging } = placesOf(cacheDir, repo);
  expect(existsSync(root)).toBe(false);
  expect(await readdir(staging)).toContain(`${staged.slice(staging.length + 1)}.heros-damaged`);
  expect(await findAside(host, { cacheDir, repos: [repo] })).toEqual([]);
  await scene.pull(models);
  expect(scene.of("file.verified").map(({ path }) => path)).toContain(weights.path);
  const aside = await findAside(host, { cacheDir, repos: [repo] });
  expect(aside).toMatchObject([{ file: join(staging, `${damaged[0]?.blobName}.heros-damaged`) }]);
  await removeAside({ host, emit: () => {} }, { cacheDir, aside });
  await expectWhole(scene);
});
