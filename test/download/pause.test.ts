import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { countBytes } from "../../src/run/byte-ranges.ts";
import { placesOf } from "../../src/store/hub-cache/layout.ts";
import type { Host } from "../../src/host/host.ts";
import { createPauseSwitch } from "../../src/run/run-control.ts";
import { askedAgain } from "./asked-again.ts";
import { model, openScene, type Scene } from "./scene.ts";

const bytes = 8_000_000;

async function openLarge(): Promise<Scene> {
  return openScene({
    repos: [{ id: "big/model", files: [{ path: "model.safetensors", sizeBytes: bytes }] }],
    throttle: { bytesPerSecond: 8_000_000 },
  });
}

/** A host whose clock counts how often the download waited for its next look. */
function countTicks(host: Host) {
  let count = 0;
  let passed: { readonly at: number; readonly resolve: () => void } | null = null;
  const sleep: Host["clock"]["sleep"] = async (ms, signal) => {
    count += 1;
    if (passed !== null && count >= passed.at) passed.resolve();
    await host.clock.sleep(ms, signal);
  };
  return {
    host: { ...host, clock: { ...host.clock, sleep } },
    /** Ends after so many more. */
    pass: (ticks: number) =>
      new Promise<void>((resolve) => {
        passed = { at: count + ticks, resolve };
      }),
  };
}

test("a paused download has no connection, has journaled what came, and goes on from there", async () => {
  await using scene = await openLarge();
  const ticks = countTicks(scene.host);
  const pause = createPauseSwitch();
  const atRest: { sent: number; requests: number; journal: string }[] = [];
  const rest = async (): Promise<void> => {
    const { staging } = placesOf(scene.cacheDir, "big/model");
    const names = await readdir(staging);
    const journal = names.find((name) => name.endsWith(".heros-journal")) ?? "";
    const before = scene.served.sentBytes();
    await ticks.pass(8);
    expect(scene.served.sentBytes()).toBe(before);
    const requests = scene.served.requests.length;
    atRest.push({
      sent: before,
      requests,
      journal: await readFile(join(staging, journal), "utf8"),
    });
    pause.toggle();
  };
  let turned = false;
  await scene.pull([model("big", "big/model")], {
    pause,
    host: ticks.host,
    // A busy machine is slow to serve, and its clock runs ten times as fast.
    tuning: { idleMs: 60_000 },
    onEvent(event) {
      if (event.type === "download.paused") void rest();
      if (event.type !== "download.progress" || event.receivedBytes < bytes / 3 || turned) return;
      turned = true;
      pause.toggle();
    },
  });
  const types = scene.events.map(({ type }) => type).filter((type) => type !== "download.progress");
  expect(types.slice(-6)).toEqual([
    "file.started",
    "download.paused",
    "download.resumed",
    "file.verified",
    "model.ready",
    "download.finished",
  ]);
  const [{ sent, requests, journal } = { sent: 0, requests: 0, journal: "" }] = atRest;
  expect(sent).toBeGreaterThan(bytes / 3);
  expect(sent).toBeLessThan(bytes * 0.9);
  // Its last line says that what is written is synced.
  const line = journal.trim().split("\n").at(-1) ?? "";
  const [, written = "[]"] = /"written":(\[\[.*?\]\])/.exec(line) ?? [];
  expect(line).toContain(`"synced":${written}`);
  // What the journal holds is not asked for again.
  const held = (JSON.parse(written) as [number, number][]).map(([start, end]) => ({ start, end }));
  expect(countBytes(held)).toBeGreaterThan(0);
  expect(askedAgain(scene.served.requests.slice(requests), () => held)).toBe(0);
});

test("while it rests nothing has a speed or a time left", async () => {
  await using scene = await openLarge();
  const ticks = countTicks(scene.host);
  const pause = createPauseSwitch();
  pause.toggle();
  let toldAtRest = 0;
  const goOn = async (): Promise<void> => {
    // It could have told a dozen times.
    await ticks.pass(60);
    pause.toggle();
  };
  await scene.pull([model("big", "big/model")], {
    pause,
    host: ticks.host,
    onEvent(event) {
      if (event.type === "download.paused") void goOn();
      if (event.type !== "download.progress" || !pause.isPaused()) return;
      expect(event).toMatchObject({ bytesPerSecond: 0, etaSeconds: null, lanes: 0 });
      expect(event.models).toMatchObject([{ bytesPerSecond: 0, etaSeconds: null }]);
      toldAtRest += 1;
    },
  });
  // Where nothing changes nothing is told, however long it rests.
  expect(toldAtRest).toBe(1);
  expect(scene.of("download.finished")).toMatchObject([{ fetchedBytes: bytes }]);
});

test("a paused download stops at once where it is interrupted", async () => {
  await using scene = await openLarge();
  const pause = createPauseSwitch();
  pause.toggle();
  const stop = new AbortController();
  const pulling = scene.pull([model("big", "big/model")], {
    pause,
    signal: stop.signal,
    onEvent: ({ type }) => {
      if (type === "download.paused") stop.abort();
    },
  });
  await expect(pulling).rejects.toMatchObject({ name: "AbortError" });
  expect(scene.served.sentBytes()).toBe(0);
});
