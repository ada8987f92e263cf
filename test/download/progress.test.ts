import { expect, test } from "vitest";
import type { BlobTask } from "../../src/download/blob-task.ts";
import { createProgress } from "../../src/download/progress.ts";
import type { Survey } from "../../src/store/store.ts";
import type { DownloadProgress, ImageProgress } from "../../src/run/events/download.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { imageIdOf } from "../../src/run/repos/file-listing.ts";
import { createImageReporter, type ImageReporter } from "../../src/run/state/images-state.ts";
import { openFile } from "./open-file.ts";

const sizes = [10e6, 20e6, 70e6];
const total = 100e6;

function surveyOf(): Survey {
  return {
    cacheDir: "/cache",
    models: sizes.map((totalBytes, index) => ({
      id: `m${index + 1}`,
      title: `m${index + 1}`,
      priority: index + 1,
      label: { id: `m${index + 1}`, title: `m${index + 1}`, tier: index + 1 },
      purpose: "Test",
      totalBytes,
      cachedBytes: 0,
      resumedBytes: 0,
      snapshots: [],
      problem: null,
    })),
    images: [],
    blobs: [],
    files: sizes.length,
    totalBytes: total,
    cachedBytes: 0,
    resumedBytes: 0,
    neededBytes: total,
    freeBytes: total,
  };
}

/** Fetches files one after the other, all together a million bytes a second; what is told each quarter of a second. */
function follow(
  survey: Survey,
  tasks: readonly BlobTask[],
  seconds: number,
  unpacks: (telling: ImageReporter) => void = () => undefined,
) {
  const told: DownloadProgress[] = [];
  const ofImages: { readonly atMs: number; readonly event: ImageProgress }[] = [];
  let atMs = 0;
  const emit = (event: HerosEvent): void => {
    if (event.type === "download.progress") told.push(event);
    if (event.type === "image.progress") ofImages.push({ atMs, event });
  };
  const imageReporter = createImageReporter(emit);
  unpacks(imageReporter);
  const telling = createProgress({
    survey,
    tasks,
    disk: { bytesPerSecond: () => 2e6 },
    emit,
    nowMs: 0,
    imageReporter,
    everyMs: 250,
    isPaused: () => false,
  });
  for (atMs = 25; atMs <= seconds * 1000; atMs += 25) {
    let left = 25_000;
    for (const task of tasks) {
      const bytes = Math.min(left, task.blob.sizeBytes - task.receivedBytes);
      left -= bytes;
      task.receivedBytes += bytes;
      task.fetchedBytes += bytes;
      if (task.receivedBytes === task.blob.sizeBytes) task.state = "done";
    }
    telling.tick(4, atMs);
  }
  return { told, ofImages, telling };
}

/** Three models alone. */
function record(seconds: number) {
  const tasks = sizes.map((size, index) => openFile(index + 1, size));
  return { tasks, ...follow(surveyOf(), tasks, seconds) };
}

test("a model's time is that of all that comes before it and its own, at the speed of all", () => {
  const { told } = record(5);
  const last = told.at(-1);
  expect(last?.etaSeconds).toBeCloseTo(95, 0);
  const [first, second, third] = last?.models ?? [];
  expect(first?.etaSeconds).toBeCloseTo(5, 0);
  expect(second?.etaSeconds).toBeCloseTo(25, 0);
  expect(third?.etaSeconds).toBe(last?.etaSeconds);
});

test("a model that waited for its turn has the speed that it came with", () => {
  const { told } = record(15);
  const [, second] = told.at(-1)?.models ?? [];
  expect(second?.bytesPerSecond).toBeGreaterThan(800_000);
});

test("the times rise from model to model, and none is beyond that of all", () => {
  for (const { etaSeconds, models } of record(60).told) {
    const etas = models.map((model) => model.etaSeconds).filter((eta) => eta !== null);
    expect(etas).toEqual(etas.toSorted((a, b) => a - b));
    for (const eta of etas) expect(eta).toBeLessThanOrEqual(etaSeconds ?? 0);
  }
});

test("a model that is ready, or failed, has no time left, and what failed holds up nobody", () => {
  const { tasks, told, telling } = record(15);
  expect(told.at(-1)?.models[0]).toMatchObject({ state: "ready", etaSeconds: null });
  const [, second] = tasks;
  if (second !== undefined) second.state = "failed";
  telling.tell(4, 15_025);
  expect(told.at(-1)?.models[1]).toMatchObject({ state: "failed", etaSeconds: null });
  expect(told.at(-1)?.models[2]?.etaSeconds).toBeCloseTo(70, 0);
  expect(told.at(-1)?.etaSeconds).toBeCloseTo(70, 0);
});

test("where the speed is even, the time of all is within a fiftieth of the truth, and steady", () => {
  const { told } = record(90);
  for (const { receivedBytes, etaSeconds } of told) {
    if (etaSeconds === null) continue;
    const truth = (total - receivedBytes) / 1e6;
    expect(Math.abs(etaSeconds - truth)).toBeLessThan(Math.max(0.1, truth / 50));
  }
});

test("silence brings the speed to nothing within five seconds, and the time with it", () => {
  const { told, telling } = record(20);
  for (let atMs = 20_025; atMs <= 25_100; atMs += 25) telling.tick(4, atMs);
  expect(told.at(-1)).toMatchObject({ bytesPerSecond: 0, etaSeconds: null });
});

test("while a file is compared that came and was not right, others have a time left, and it has none", () => {
  const { tasks, told, telling } = record(15);
  const [, second] = tasks;
  if (second !== undefined && second.open !== null) {
    Object.assign(second.open, { refetch: {} });
    second.receivedBytes = second.blob.sizeBytes;
  }
  telling.tell(4, 15_025);
  expect(told.at(-1)?.models[1]).toMatchObject({ state: "repairing", etaSeconds: null });
  expect(told.at(-1)?.models[2]?.etaSeconds).toBeCloseTo(70, 0);
  expect(told.at(-1)?.etaSeconds).toBeCloseTo(70, 0);
  for (const task of tasks) task.receivedBytes = task.blob.sizeBytes;
  telling.tell(4, 15_050);
  expect(told.at(-1)?.etaSeconds).toBeNull();
});

/** Images before the models of their priority, all at a million bytes a second. */
function recordImages(
  seconds: number,
  imageSizes: readonly number[],
  unpacks?: (telling: ImageReporter) => void,
  modelBytes: readonly number[] = [],
) {
  const needed = surveyOf()
    .models.slice(0, modelBytes.length)
    .map((model, index) => ({
      ...model,
      id: `needed${index}`,
      priority: 0,
      totalBytes: modelBytes[index] ?? 0,
    }));
  const images = imageSizes.map((totalBytes, index) => {
    const image = `image${index + 1}`;
    const label = { digest: "sha256:1", services: [], neededForOnline: true } as const;
    const sums = { totalBytes, cachedBytes: 0, resumedBytes: 0, snapshots: [], problem: null };
    return {
      id: imageIdOf(image),
      title: image,
      priority: 0,
      label: { image, ...label, unpackedBytes: totalBytes * 2, way: "registry" } as const,
      ...sums,
      content: null,
      engineId: null,
    };
  });
  const layers = images.map(({ id, totalBytes }) => {
    const task = openFile(0, totalBytes);
    return { ...task, blob: { ...task.blob, repo: "oci:ghcr.io/a/b", neededBy: [id] } };
  });
  const files = needed.map(({ id, totalBytes }) => {
    const task = openFile(0, totalBytes);
    return { ...task, blob: { ...task.blob, neededBy: [id] } };
  });
  const tasks = [...layers, ...files, ...sizes.map((size, index) => openFile(index + 1, size))];
  const blobs = layers.map(({ blob }) => ({ ...blob, cached: false, held: [] }));
  const models = [...needed, ...surveyOf().models];
  const followed = follow({ ...surveyOf(), models, images, blobs }, tasks, seconds, unpacks);
  followed.telling.tell(0, seconds * 1000 + 25);
  return followed;
}

test("images count in the times and in the speed, and in no sum of the models", () => {
  const { told } = recordImages(12, [20e6, 10e6]);
  const last = told.at(-1);
  expect(last).toMatchObject({
    receivedBytes: 0,
    totalBytes: total,
    models: [{ id: "m1" }, {}, {}],
  });
  expect(last?.bytesPerSecond).toBeCloseTo(1e6, -4);
  expect(last?.onlineEtaSeconds).toBeCloseTo(18, 0);
  expect(last?.etaSeconds).toBeCloseTo(118, 0);
  expect(last?.models[0]?.etaSeconds).toBeCloseTo(28, 0);
});

test.each([
  ["the layer that comes last after that", -5000, 23],
  ["all that is slower to unpack than to come", -20_000, 40],
])("the time until online counts unpacking: %s", (_, verifiedMs, seconds) => {
  const { told } = recordImages(12, [20e6, 10e6], ({ unpacked }) =>
    unpacked({ image: "image1", sizeBytes: 10e6, verifiedMs, nowMs: 0 }),
  );
  expect(told.at(-1)?.onlineEtaSeconds).toBeCloseTo(seconds, 0);
});

test.each([
  ["her container's start", [], 23],
  ["models that come while it starts, and are loaded then", [2e6], 24],
  ["models that come later than it starts", [8e6], 30],
])("the time until online counts %s", (_, models, seconds) => {
  const started = ({ started: told }: ImageReporter): void => told(5000);
  const { told } = recordImages(12, [20e6, 10e6], started, models);
  expect(told.at(-1)?.onlineEtaSeconds).toBeCloseTo(seconds, 0);
});

test("her start, and what she loads, count down once all is there", () => {
  const told = ({ started, ready }: ImageReporter): void => {
    started(5000);
    ready({ image: "image1", digest: "sha256:1" });
  };
  // All that she needs came after 12 s, and 2 MB are loaded at 2 MB/s.
  const at = (seconds: number): number | null | undefined =>
    recordImages(seconds, [10e6], told, [2e6]).told.at(-1)?.onlineEtaSeconds;
  expect(at(9)).toBeCloseTo(7, 0);
  expect(at(13)).toBeCloseTo(3, 0);
  expect(at(15)).toBeCloseTo(1, 0);
  expect(at(20)).toBe(0);
});

test("what Docker has is not waited for", () => {
  const { told } = recordImages(40, [20e6, 10e6], ({ unpacked, ready }) => {
    unpacked({ image: "image1", sizeBytes: 20e6, verifiedMs: 0, nowMs: 5000 });
    ready({ image: "image2", digest: "sha256:1" });
  });
  expect(told.at(-1)).toMatchObject({ onlineEtaSeconds: 0 });
});

test("once all has come that Annie needs, the time until online is none; without such it is not told", () => {
  expect(recordImages(40, [20e6]).told.at(-1)).toMatchObject({ onlineEtaSeconds: 0 });
  expect(record(12).told.at(-1)).toMatchObject({ onlineEtaSeconds: null });
});

test("images are told five times a second at most, all together, each from its first byte to its last", () => {
  const imageSizes = [2e6, 300_000, 200_000, 100_000, 100_000, 50_000];
  const { ofImages } = recordImages(6, imageSizes);
  for (const { atMs } of ofImages) {
    const within = ofImages.filter((each) => each.atMs > atMs - 1000 && each.atMs <= atMs);
    expect(within.length).toBeLessThanOrEqual(5);
  }
  const ends = new Map(ofImages.map(({ event }) => [event.image, event]));
  expect([...ends.values()].map(({ receivedBytes }) => receivedBytes)).toEqual(imageSizes);
  expect(ofImages[0]?.event).toMatchObject({ image: "image1", phase: "downloading" });
  expect(ofImages[0]?.event.receivedBytes).toBeLessThan(1e6);
});
