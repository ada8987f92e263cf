import { mkdir } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readBytes } from "../../src/demo/hub/content.ts";
import type { Fault, RecordedRequest } from "../../src/demo/hub/exchange.ts";
import { addRange, type ByteRanges } from "../../src/run/byte-ranges.ts";
import { partialPaths, placesOf } from "../../src/store/hub-cache/layout.ts";
import { openPartial } from "../../src/store/partial.ts";
import { createRefetch } from "../../src/download/refetch.ts";
import { model, openScene, type Scene } from "./scene.ts";
import { readBootId } from "../../src/host/process-table.ts";

const repo = "org/model";
const bytes = 3_000_000;
const file = { path: "model.safetensors", sizeBytes: bytes };
const repos = [{ id: repo, files: [file] }];
const tuning = { minSegmentBytes: 32 * 1024, maxSegmentBytes: 32 * 1024, progressMs: 20 };
/** Eight segments. */
const roundBytes = 256 * 1024;

/** The byte comes wrong the first time. */
function damagedOnce(at: number) {
  let left = 1;
  return ({ origin, headers }: RecordedRequest): Fault | undefined => {
    const [, start, last] = /^bytes=(\d+)-(\d+)$/u.exec(headers.range ?? "") ?? [];
    const covers = origin === "content" && Number(start) <= at && at <= Number(last);
    return covers && (left -= 1) >= 0 ? { garbage: { start: at, end: at + 1 } } : undefined;
  };
}

const fetchedBytes = (scene: Scene): number => scene.of("download.finished")[0]?.fetchedBytes ?? 0;

test("after a wrong hash, no more comes again than up to the damage", async () => {
  await using scene = await openScene({ repos, intercept: damagedOnce(300_000) });
  await scene.pull([model("m", repo)], { tuning });
  expect(fetchedBytes(scene)).toBe(bytes + 2 * roundBytes);
  expect(scene.of("file.verified")).toHaveLength(1);
  expect(scene.of("download.retrying")).toMatchObject([{ reason: "its hash does not match" }]);
});

test("a wrong hash takes nothing back from the bars", async () => {
  await using scene = await openScene({ repos, intercept: damagedOnce(2_900_000) });
  await scene.pull([model("m", repo)], { tuning });
  const received = scene.of("download.progress").map((event) => event.receivedBytes);
  expect(received).toEqual(received.toSorted((a, b) => a - b));
  expect(received.at(-1)).toBe(bytes);
});

test("while it is compared, a model is told to be repaired, and no time left is promised", async () => {
  await using scene = await openScene({ repos, intercept: damagedOnce(2_900_000) });
  await scene.pull([model("m", repo)], { tuning: { ...tuning, tickMs: 5 } });
  const states = scene.of("download.progress").flatMap(({ etaSeconds, models: [told] }) => ({
    state: told?.state,
    etaSeconds,
  }));
  const repairing = states.filter(({ state }) => state === "repairing");
  expect(repairing.length).toBeGreaterThan(0);
  expect(new Set(repairing.map(({ etaSeconds }) => etaSeconds))).toEqual(new Set([null]));
  expect(states.at(-1)).toEqual({ state: "ready", etaSeconds: 0 });
});

test("what an earlier run left is suspected first", async () => {
  await using scene = await openScene({ repos });
  const { blobName } = await scene.served.file(repo, file.path).identify();
  const truth = readBytes(scene.served.file(repo, file.path).source);
  const places = placesOf(scene.cacheDir, repo);
  await mkdir(places.staging, { recursive: true });
  const blob = { blobName, sizeBytes: bytes };
  const { files } = scene.host;
  const partial = await openPartial(files, partialPaths(places, blobName), blob, {
    bootId: await readBootId(files),
    noteBytes: 0,
  });
  const left = Buffer.from(truth.subarray(2_000_000));
  left[100_000] = (left[100_000] ?? 0) ^ 0xff;
  await partial.write(left, 2_000_000);
  await partial.close();

  const survey = await scene.pull([model("m", repo)], { tuning });
  expect(survey.resumedBytes).toBe(1_000_000);
  expect(fetchedBytes(scene)).toBe(2_000_000 + roundBytes);
  expect(scene.of("file.verified")).toHaveLength(1);
});

test("a server without ranges is compared with in one go", async () => {
  const whole = { ignoreRange: true };
  await using scene = await openScene({
    repos,
    intercept: () => ({ ...whole, garbage: { start: 2_000_000, end: 2_000_010 } }),
  });
  await scene.pull([model("m", repo)], {
    tuning,
    onEvent: (event) => {
      if (event.type === "download.retrying") scene.served.setIntercept(() => whole);
    },
  });
  expect(scene.of("file.verified")).toHaveLength(1);
  expect(fetchedBytes(scene)).toBe(2 * bytes);
});

test("whatever is damaged wherever, a whole comparison mends it, and each byte is asked for once", async () => {
  const size = 400;
  const damage = fc.uniqueArray(fc.nat(size - 1), { maxLength: 6 });
  const range = fc.tuple(fc.nat(size - 1), fc.integer({ min: 1, max: 100 }));
  const held = fc.array(range, { maxLength: 4 });
  const pieces = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(damage, held, pieces, async (places, earlier, lengths) => {
      const truth = Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
      const there = Buffer.from(truth);
      for (const at of places) there[at] = (there[at] ?? 0) ^ 0xff;
      const asked = new Uint8Array(size);
      let turn = 0;
      const second = createRefetch({
        partial: {
          read: async (position, length) =>
            Buffer.from(there.subarray(position, position + length)),
          write: async (content, position) => void content.copy(there, position),
        },
        sizeBytes: size,
        suspects: earlier.reduce(
          (all: ByteRanges, [start, length]) =>
            addRange(all, { start, end: Math.min(size, start + length) }),
          [],
        ),
        whole: () => false,
        segmentBytes: 5,
      });
      for (let round = second.nextRound(); round !== null; round = second.nextRound()) {
        for (const { start, end } of round) {
          for (let at = start; at < end;) {
            const length = Math.min(lengths[(turn += 1) % lengths.length] ?? 1, end - at);
            asked.fill(1 + (asked[at] ?? 0), at, at + length);
            await second.compare(truth.subarray(at, at + length), at);
            at += length;
          }
        }
        const wrong = places.some((at) => asked[at] === 0);
        expect(there.equals(truth)).toBe(!wrong);
      }
      expect([...asked].every((times) => times === 1)).toBe(true);
      expect(second.takeReplacedBytes() > 0).toBe(places.length > 0);
      expect(second.takeReplacedBytes()).toBe(0);
    }),
    { numRuns: 60 },
  );
});
