import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placesOf } from "../../src/store/hub-cache/layout.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { model, openScene, type Scene } from "./scene.ts";

const program = new URL("fixtures/pull-alone.ts", import.meta.url).pathname;

/** heros' engine as a process; ends when it does. */
function pullAlone({ served, folder }: Scene, repo: string) {
  const child = spawn(process.execPath, [program, served.endpoint, folder, repo], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const events: HerosEvent[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => events.push(JSON.parse(line) as HerosEvent));
  return { child, lines, events, exit: once(child, "exit") };
}

async function partialsOf({ cacheDir }: Scene): Promise<string[]> {
  const { staging } = placesOf(cacheDir, "big/model");
  const names = await readdir(staging).catch(() => []);
  return names.filter((name) => name.endsWith(".heros-partial")).map((name) => join(staging, name));
}

test("killed twice with kill -9, a pull goes on where it was, and the hashes hold", async () => {
  const bytes = 24_000_000;
  const bytesPerSecond = 6_500_000;
  // What the Hub gave to its eight connections and nobody read: a fortieth of a second each.
  const onTheWay = 8 * (bytesPerSecond / 40);
  await using scene = await openScene({
    repos: [{ id: "big/model", files: [{ path: "model.safetensors", sizeBytes: bytes }] }],
    throttle: { bytesPerSecond },
  });
  for (const share of [0.35, 0.7]) {
    const { child, lines, exit } = pullAlone(scene, "big/model");
    lines.on("line", () => {
      if (scene.served.sentBytes() > bytes * share) child.kill("SIGKILL");
    });
    await expect(exit).resolves.toEqual([null, "SIGKILL"]);
    expect(await partialsOf(scene)).toHaveLength(1);
  }
  const { exit, events } = pullAlone(scene, "big/model");
  await expect(exit).resolves.toEqual([0, null]);
  const twice = scene.served.sentBytes() - bytes;
  expect(twice).toBeLessThan(2 * (0.02 * bytes + onTheWay));
  const planned = events.find((event) => event.type === "download.planned");
  expect(planned?.resumedBytes).toBeGreaterThan(bytes * 0.65);
  expect(events.filter((event) => event.type === "file.verified")).toHaveLength(1);
  expect(await partialsOf(scene)).toEqual([]);
});

test.each([
  ["a partial of another length", (path: string) => truncate(path, 1000)],
  [
    "a journal of another format",
    (path: string) => writeFile(path.replace("partial", "journal"), '{"done":[[0,999]]}'),
  ],
  [
    "a torn journal line",
    async (path: string) => {
      const journal = path.replace("partial", "journal");
      const text = await readFile(journal, "utf8");
      await writeFile(journal, text.slice(0, -10));
    },
  ],
  [
    "bytes that changed since",
    async (path: string) => {
      const content = await readFile(path);
      await writeFile(path, content.fill(7, 0, 5000));
    },
  ],
])("%s is noticed, and the content is right in the end", async (_, spoil) => {
  await using scene = await openScene({
    repos: [{ id: "big/model", files: [{ path: "model.safetensors", sizeBytes: 3_000_000 }] }],
    throttle: { bytesPerSecond: 6_000_000 },
  });
  const stop = new AbortController();
  const onEvent = (event: HerosEvent): void => {
    if (event.type === "download.progress" && event.receivedBytes > 1_000_000) stop.abort();
  };
  const tuning = { progressMs: 50 };
  await expect(
    scene.pull([model("m", "big/model")], { signal: stop.signal, onEvent, tuning }),
  ).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
  const [partial = ""] = await partialsOf(scene);
  await spoil(partial);
  scene.served.setThrottle({});
  await scene.pull([model("m", "big/model")]);
  expect(scene.of("file.verified")).toHaveLength(1);
});

test("stopped by a signal, nothing that came is fetched again", async () => {
  await using scene = await openScene({
    repos: [{ id: "big/model", files: [{ path: "model.safetensors", sizeBytes: 3_000_000 }] }],
    throttle: { bytesPerSecond: 6_000_000 },
  });
  const stop = new AbortController();
  const onEvent = (event: HerosEvent): void => {
    if (event.type === "download.progress" && event.receivedBytes > 1_000_000) stop.abort();
  };
  const interrupted = scene.pull([model("m", "big/model")], {
    signal: stop.signal,
    onEvent,
    tuning: { progressMs: 50 },
  });
  await expect(interrupted).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
  scene.served.setThrottle({});
  const survey = await scene.pull([model("m", "big/model")]);
  expect(survey.resumedBytes).toBeGreaterThan(1_000_000);
  expect(scene.of("download.finished")[0]?.fetchedBytes).toBe(3_000_000 - survey.resumedBytes);
  expect(scene.of("file.started")[0]?.resumedBytes).toBe(survey.resumedBytes);
});
