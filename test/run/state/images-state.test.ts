import { expect, test } from "vitest";
import type { HerosEvent } from "../../../src/run/event.ts";
import { bytesOfAll, createImageReporter } from "../../../src/run/state/images-state.ts";
import { initialState, reduce, type RunState } from "../../../src/run/state/state.ts";

function fold(...events: readonly HerosEvent[]): RunState {
  return events.reduce<RunState>(
    (state, event, index) => reduce(state, { v: 1, at: index * 100, ...event }),
    initialState,
  );
}

function planned(image: string, cachedBytes = 0): HerosEvent {
  return {
    type: "image.planned",
    image,
    digest: `sha256:${"a".repeat(64)}`,
    services: ["core"],
    totalBytes: 100,
    cachedBytes,
    unpackedBytes: 250,
    neededForOnline: true,
    way: "registry",
  };
}

const layer = { repo: "oci:ghcr.io/her-os/core", path: `sha256:${"b".repeat(64)}` };
const retrying: HerosEvent = {
  type: "download.retrying",
  image: "core:1",
  ...layer,
  reason: "connection reset",
  attempt: 1,
  delayMs: 1000,
  scope: "file",
};

test("an image waits, is downloaded, unpacked and ready, a row from its plan on", () => {
  const fetched = { type: "image.progress", image: "core:1", phase: "downloading" } as const;
  const unpacked = { type: "image.progress", image: "core:1", phase: "unpacking" } as const;
  const events: HerosEvent[] = [
    planned("core:1", 40),
    planned("redis:7"),
    { ...fetched, receivedBytes: 60, totalBytes: 100 },
    { ...unpacked, receivedBytes: 10, totalBytes: 100 },
    { type: "image.ready", image: "core:1", digest: "sha256:x" },
  ];
  const rows = events.map((_, index) => fold(...events.slice(0, index + 1)).images[0]);
  expect(rows.map((row) => `${row?.phase} ${row?.receivedBytes}`)).toEqual([
    "waiting 40",
    "waiting 40",
    "downloading 60",
    "unpacking 10",
    "ready 100",
  ]);
  expect(rows[0]).toMatchObject({ services: ["core"], unpackedBytes: 250, totalBytes: 100 });
  expect(fold(...events).images.map(({ image }) => image)).toEqual(["core:1", "redis:7"]);
});

test("a late word of how far it was takes no image back that is ready", () => {
  const late = { type: "image.progress", image: "core:1", phase: "unpacking" } as const;
  const { images } = fold(
    planned("core:1"),
    { type: "image.ready", image: "core:1", digest: "sha256:x" },
    { ...late, receivedBytes: 10, totalBytes: 100 },
  );
  expect(images[0]).toMatchObject({ phase: "ready", receivedBytes: 100 });
});

test("nothing is told of how far an image is after it is ready", () => {
  const told: HerosEvent[] = [];
  const reporter = createImageReporter((event) => told.push(event));
  reporter.note({ image: "core:1", phase: "unpacking", receivedBytes: 10, totalBytes: 100 });
  reporter.ready({ image: "core:1", digest: "sha256:x" });
  reporter.tick(1000);
  // What is downloaded is counted for longer than Docker takes for a small image.
  reporter.note({ image: "core:1", phase: "downloading", receivedBytes: 100, totalBytes: 100 });
  reporter.tick(2000);
  expect(told.map(({ type }) => type)).toEqual(["image.ready"]);
});

test("how long unpacking takes is learnt from what was unpacked, and what has begun counts down", () => {
  const { unpacked, unpackSeconds, unpackedBytes } = createImageReporter(() => undefined);
  expect(unpackSeconds(100, 0, 0)).toBeNull();
  unpacked({ image: "there", sizeBytes: 500, verifiedMs: null, nowMs: 0 });
  expect(unpackSeconds(100, 0, 0)).toBeNull();
  // Two at a time: 100 bytes in 10 seconds.
  unpacked({ image: "one", sizeBytes: 50, verifiedMs: 0, nowMs: 6000 });
  unpacked({ image: "two", sizeBytes: 50, verifiedMs: 0, nowMs: 10_000 });
  expect(unpackedBytes("one")).toBe(50);
  expect(unpackSeconds(100, 0, 20_000)).toBe(10);
  expect(unpackSeconds(100, 100, 14_000)).toBe(6);
  expect(unpackSeconds(100, 50, 60_000)).toBe(5);
});

test("a small first layer does not tell how long large ones take", () => {
  const { unpacked, unpackSeconds } = createImageReporter(() => undefined);
  // What the engine took to begin with it.
  unpacked({ image: "core", sizeBytes: 1_000_000, verifiedMs: 0, nowMs: 400 });
  expect(unpackSeconds(430_000_000, 0, 400)).toBeNull();
  expect(unpackSeconds(20_000_000, 0, 400)).toBe(8);
  unpacked({ image: "core", sizeBytes: 66_000_000, verifiedMs: 400, nowMs: 2680 });
  expect(unpackSeconds(430_000_000, 0, 2680)).toBeCloseTo(17.2);
});

test("an image that is ready before its progress was told is news, and one that was there before is none", () => {
  const ready = { type: "image.ready", image: "core:1", digest: "sha256:x" } as const;
  expect(fold(planned("core:1"), ready).images[0]?.news).toBe(true);
  expect(fold(planned("core:1", 100), ready).images[0]?.news).toBe(false);
});

test("the speed of an image is measured while it is downloaded, and nothing is said of it before", () => {
  const at = (receivedBytes: number): HerosEvent => ({
    type: "image.progress",
    image: "core:1",
    phase: "downloading",
    receivedBytes,
    totalBytes: 1000,
  });
  expect(fold(planned("core:1"), at(10)).images[0]?.bytesPerSecond).toBeNull();
  expect(fold(planned("core:1"), at(10), at(20), at(30)).images[0]?.bytesPerSecond).toBeCloseTo(
    100,
  );
});

test("the bytes of all are never all there, nor fewer than before, until each image is unpacked", () => {
  const step = (phase: "downloading" | "unpacking", receivedBytes: number): HerosEvent => ({
    type: "image.progress",
    image: "core:1",
    phase,
    receivedBytes,
    totalBytes: phase === "downloading" ? 100 : 250,
  });
  const events = [
    planned("core:1", 40),
    step("downloading", 90),
    step("downloading", 100),
    step("unpacking", 0),
    step("unpacking", 125),
    step("unpacking", 250),
    { type: "image.ready", image: "core:1", digest: "sha256:x" } as const,
  ];
  const bytes = events.map((_, index) => bytesOfAll(fold(...events.slice(0, index + 1))));
  expect(bytes.map(({ receivedBytes }) => receivedBytes)).toEqual([40, 90, 99, 99, 99, 99, 100]);
  expect(bytes.map(({ verifiedBytes }) => verifiedBytes)).toEqual([0, 0, 0, 0, 50, 99, 100]);
  expect(new Set(bytes.map(({ totalBytes }) => totalBytes))).toEqual(new Set([100]));
});

test("an image that is planned once more is one row, and starts over", () => {
  const { images } = fold(planned("core:1", 90), planned("redis:7"), planned("core:1", 10));
  expect(images.map(({ image, receivedBytes }) => [image, receivedBytes])).toEqual([
    ["core:1", 10],
    ["redis:7", 0],
  ]);
});

test("what holds an image up is told at its row, and at no model's", () => {
  const { images, download } = fold(planned("core:1"), planned("redis:7"), retrying);
  expect(images[0]?.note).toMatchObject({ kind: "retrying", attempt: 1, untilMs: 1200 });
  expect(images[1]?.note).toBeNull();
  expect(download).toMatchObject({ notes: {}, retries: 1 });
  const blocked: HerosEvent = {
    type: "download.blocked",
    image: "core:1",
    ...layer,
    holder: "heros, process 7",
  };
  expect(fold(planned("core:1"), blocked).images[0]?.note).toMatchObject({ kind: "blocked" });
  expect(fold(planned("core:1"), { ...retrying, scope: "lane" }).images[0]?.note).toBeNull();
});

test("a retry is over with its wait and the next bytes, and rests with a pause", () => {
  const more: HerosEvent = {
    type: "image.progress",
    image: "core:1",
    phase: "downloading",
    receivedBytes: 50,
    totalBytes: 100,
  };
  const soon = fold(planned("core:1"), retrying, more).images[0];
  expect(soon?.note).toMatchObject({ kind: "retrying" });
  const waits = Array.from({ length: 10 }, () => more);
  expect(fold(planned("core:1"), retrying, ...waits, more).images[0]?.note).toBeNull();
  expect(fold(planned("core:1"), retrying, { type: "download.paused" }).images[0]?.note).toBeNull();
});

test("the time until online is kept beside that of everything, and absent in records of before", () => {
  const progress: HerosEvent = {
    type: "download.progress",
    receivedBytes: 1,
    verifiedBytes: 0,
    totalBytes: 10,
    bytesPerSecond: 1,
    etaSeconds: 9,
    lanes: 4,
    models: [],
  };
  expect(fold(progress).download).toMatchObject({ etaSeconds: 9, onlineEtaSeconds: null });
  const { download } = fold({ ...progress, onlineEtaSeconds: 4 });
  expect(download).toMatchObject({ etaSeconds: 9, onlineEtaSeconds: 4 });
});

test("an image whose size becomes known late is counted in no sum, whose share would fall", () => {
  const unsized = { ...planned("redis:7"), totalBytes: 0, way: "pull" } as HerosEvent;
  const state = fold(planned("core:1", 50), unsized, {
    type: "image.progress",
    image: "redis:7",
    phase: "downloading",
    receivedBytes: 10,
    totalBytes: 1000,
  });
  expect(state.images[1]).toMatchObject({ downloadBytes: 1000 });
  expect(bytesOfAll(state)).toMatchObject({ receivedBytes: 50, totalBytes: 100 });
});

test("how long Docker still pulls is learnt from what it pulled, and not known before", () => {
  const reporter = createImageReporter(() => undefined);
  expect(reporter.pullSeconds(0)).toBe(0);
  reporter.pulls("core:1", 1000, 1000);
  reporter.pulls("redis:7", 0, 1000);
  expect(reporter.pullSeconds(2000)).toBeNull();
  const core = { image: "core:1", phase: "downloading", totalBytes: 1000 } as const;
  reporter.note({ ...core, receivedBytes: 250 });
  expect(reporter.pullSeconds(11_000)).toBe(30);
  reporter.note({ ...core, phase: "unpacking", receivedBytes: 10 });
  expect(reporter.pullSeconds(41_000)).toBeNull();
  reporter.ready({ image: "core:1", digest: "sha256:1" });
  reporter.ready({ image: "redis:7", digest: "sha256:2" });
  expect(reporter.pullSeconds(50_000)).toBe(0);
});
