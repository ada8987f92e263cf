import { expect, test } from "vitest";
import type { RecordedRequest } from "../../src/demo/hub/exchange.ts";
import type { Host } from "../../src/host/host.ts";
import { addRange, type ByteRanges, countBytes } from "../../src/run/byte-ranges.ts";
import { model, openScene } from "./scene.ts";

const sizeBytes = 4_000_000;
const small = Array.from({ length: 6 }, (_, index) => ({
  path: `${index}.json`,
  sizeBytes: 2000 + index,
}));
const repos = [
  { id: "o/first", files: [{ path: "model.safetensors", sizeBytes }] },
  { id: "o/later", files: [{ path: "model.safetensors", sizeBytes }, ...small] },
];
const models = [model("first", "o/first"), model("later", "o/later", { priority: 2 })];

/** What of the first file was asked for by now, and how often a later one was asked for before all of it was. */
function watchOrder() {
  let asked: ByteRanges = [];
  let tooSoon = 0;
  let later = 0;
  return {
    see({ file, method, headers, origin }: RecordedRequest): undefined {
      if (file === null || method !== "GET") return;
      if (file.repo === "o/later") {
        later += 1;
        if (countBytes(asked) < sizeBytes) tooSoon += 1;
        return;
      }
      const [, start, end] = /^bytes=(\d+)-(\d+)$/u.exec(headers.range ?? "") ?? [];
      if (origin === "content" && start !== undefined)
        asked = addRange(asked, { start: Number(start), end: Number(end) + 1 });
    },
    found: () => ({ tooSoon, later }),
  };
}

test("no connection is a later priority's, small files included, before all of the earlier was asked for", async () => {
  const order = watchOrder();
  await using scene = await openScene({
    repos,
    throttle: { bytesPerSecondPerConnection: 2_000_000 },
    intercept: order.see,
  });
  await scene.pull(models, { maxConnections: 8 });
  expect(order.found()).toEqual({ tooSoon: 0, later: expect.any(Number) as number });
  expect(order.found().later).toBeGreaterThanOrEqual(small.length + 1);
});

test("while the disk opens the first file, connections wait for it", async () => {
  const order = watchOrder();
  const opened = Promise.withResolvers<void>();
  await using scene = await openScene({ repos, intercept: order.see });
  let partials = 0;
  const open = async (...given: Parameters<Host["files"]["open"]>) => {
    const makes = String(given[0]).endsWith(".heros-partial") && given[1] === "wx+";
    if (makes && (partials += 1) === 1) await opened.promise;
    return scene.host.files.open(...given);
  };
  const host: Host = { ...scene.host, files: { ...scene.host.files, open } };
  let told = 0;
  await scene.pull(models, {
    host,
    onEvent({ type }) {
      // So long that connections which do not wait would have asked for something.
      if (type === "download.progress" && (told += 1) === 8) opened.resolve();
    },
    tuning: { progressMs: 50 },
  });
  expect(partials).toBeGreaterThan(0);
  expect(order.found().tooSoon).toBe(0);
});
