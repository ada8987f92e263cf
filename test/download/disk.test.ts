import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Host } from "../../src/host/host.ts";
import { openHubCache } from "../../src/store/hub-cache/hub-cache.ts";
import { spaceFailure } from "../../src/store/store.ts";
import { model, openScene, type Scene } from "./scene.ts";

const repo = "org/model";
const bytes = 3_000_000;
const repos = [{ id: repo, files: [{ path: "model.safetensors", sizeBytes: bytes }] }];

/** The same host, on a disk with so many free bytes. */
function withFree({ host }: Scene, freeBytes: number): Host {
  const statfs = async (path: string) =>
    Object.assign(await host.files.statfs(path), { bsize: 1, bavail: freeBytes });
  return { ...host, files: { ...host.files, statfs: statfs as Host["files"]["statfs"] } };
}

type Written = [content: Buffer, offset: number, length: number, position: number];

/** The same host, on a disk that takes so many bytes of a large file and no more. */
function withRoomFor({ host }: Scene, roomBytes: number): Host {
  let left = roomBytes;
  const open = async (...parameters: Parameters<Host["files"]["open"]>) => {
    const handle = await host.files.open(...parameters);
    if (!String(parameters[0]).endsWith(".heros-partial")) return handle;
    const write = handle.write.bind(handle) as (...given: Written) => Promise<unknown>;
    const limited = async (...given: Written): Promise<unknown> => {
      left -= given[2];
      if (left < 0) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
      return write(...given);
    };
    return Object.assign(handle, { write: limited });
  };
  return { ...host, files: { ...host.files, open } };
}

test("a disk that is too small is found out before the first byte, over all models", async () => {
  await using scene = await openScene({ repos });
  const host = withFree(scene, bytes + 63_000_000);
  await expect(scene.pull([model("m", repo)], { host })).rejects.toThrow(
    expect.objectContaining({
      code: "disk.too_small",
      exitCode: 7,
      message: expect.stringContaining("need 67.0 MB") as string,
    }),
  );
  expect(scene.served.sentBytes()).toBe(0);
  await scene.pull([model("m", repo)], { host: withFree(scene, bytes + 64_000_000) });
});

test("what is there already needs no room, and a full disk is enough for it", async () => {
  await using scene = await openScene({ repos });
  await scene.pull([model("m", repo)]);
  const survey = await scene.survey([model("m", repo)]);
  expect(survey.neededBytes).toBe(0);
  const { host, cacheDir } = scene;
  const needs = await openHubCache({ host, cacheDir }).neededSpace({ ...survey, freeBytes: 0 });
  expect(spaceFailure(needs)).toBeNull();
});

test("a disk that fills up on the way ends with 7, and the next run goes on", async () => {
  await using scene = await openScene({ repos, throttle: { bytesPerSecond: 20_000_000 } });
  const host = withRoomFor(scene, 2_000_000);
  await expect(scene.pull([model("m", repo)], { host })).rejects.toThrow(
    expect.objectContaining({ code: "disk.full", exitCode: 7 }),
  );
  const survey = await scene.pull([model("m", repo)]);
  expect(survey.resumedBytes).toBeGreaterThan(1_000_000);
  expect(scene.of("file.verified")).toHaveLength(1);
});

test("a cache folder that can't be written to says so", async () => {
  await using scene = await openScene({ repos });
  const failure = expect.objectContaining({
    code: "cache.not_writable",
    exitCode: 1,
    message: expect.stringContaining(scene.cacheDir) as string,
  }) as unknown as Error;
  // Tests may run as root, whom no mode stops: a file where a folder should be stops everyone.
  await writeFile(scene.cacheDir, "not a folder");
  await expect(scene.pull([model("m", repo)])).rejects.toThrow(failure);
});

test("a repository's folder that can't be written to says so too, and leaves what is there alone", async () => {
  await using scene = await openScene({ repos });
  await mkdir(scene.cacheDir);
  const place = join(scene.cacheDir, "models--org--model");
  await writeFile(place, "mine");
  await expect(scene.pull([model("m", repo)])).rejects.toThrow(
    expect.objectContaining({ code: "cache.not_writable", exitCode: 1 }),
  );
  expect(await readFile(place, "utf8")).toBe("mine");
});

test("a rate limit holds over all connections", async () => {
  await using scene = await openScene({ repos });
  // The scene's clock is ten times as fast: this is 6 MB a real second.
  await scene.pull([model("m", repo)], { limitBytesPerSecond: 600_000 });
  const [finished] = scene.of("download.finished");
  expect(finished?.elapsedMs).toBeGreaterThan((bytes / 600_000) * 1000 * 0.85);
  const connections = scene.of("download.progress").map((event) => event.lanes);
  expect(Math.max(...connections)).toBeGreaterThan(1);
});

test("no more connections than allowed are used", async () => {
  await using scene = await openScene({ repos, throttle: { bytesPerSecond: 10_000_000 } });
  await scene.pull([model("m", repo)], { maxConnections: 2, tuning: { progressMs: 50 } });
  const connections = scene.of("download.progress").map((event) => event.lanes);
  expect(Math.max(...connections)).toBe(2);
});
