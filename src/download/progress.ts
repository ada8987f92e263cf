import type { ModelState } from "../run/events/download.ts";
import type { Emit } from "../run/event.ts";
import { createRate } from "../run/state/rate.ts";
import type { DiskSpeed } from "./bandwidth.ts";
import type { BlobTask } from "./blob-task.ts";
import { isImageRepo } from "../run/repos/file-listing.ts";
import type { ImageReporter } from "../run/state/images-state.ts";
import { itemsOf, type Survey, type SurveyedImage } from "../store/store.ts";

/**
 * Turns the tasks' state into progress events. Bytes that another process brought move the bars, not the speed. The sums are
 * those of the models; speed and times are those of all that comes.
 * Connections serve models and images one after the other, so a model's own speed says nothing of when it comes: its time is
 * that of all that is missing up to it, at the speed of all.
 */
export function createProgress({
  survey,
  tasks,
  disk,
  emit,
  nowMs,
  imageReporter,
  everyMs,
  isPaused,
}: {
  survey: Survey;
  tasks: readonly BlobTask[];
  disk: Pick<DiskSpeed, "bytesPerSecond">;
  emit: Emit;
  nowMs: number;
  imageReporter: ImageReporter;
  everyMs: number;
  /** Then nothing is fetched, on purpose: no speed, no time left. */
  isPaused: () => boolean;
}) {
  const all = createCounter({ totalBytes: 0, cachedBytes: 0 }, tasks, nowMs);
  const ofModels = tasks.filter(({ blob }) => !isImageRepo(blob.repo));
  const allModels = createCounter(survey, ofModels, nowMs);
  const forOnline = tasks.filter(({ blob }) => blob.priority === 0);
  const layers = forOnline.filter(({ blob }) => isImageRepo(blob.repo));
  const online = itemsOf(survey).some(({ priority }) => priority === 0);
  const unpacking = unpackingOf(survey, imageReporter);
  const claimed = new Set<BlobTask>();
  const imageIds = new Set(survey.images.map(({ id }) => id));
  const items = itemsOf(survey).map((item) => {
    const own = tasks.filter(({ blob }) => blob.neededBy.includes(item.id));
    const queued = own.filter((task) => !claimed.has(task));
    for (const task of queued) claimed.add(task);
    // A layer of several images counts for the first of them.
    const counter = createCounter(item, imageIds.has(item.id) ? queued : own, nowMs);
    return { id: item.id, queued, counter, isReady: () => own.every(isDone) };
  });
  const itemOf = new Map(items.map((item) => [item.id, item]));
  let imagesThereMs = Number.POSITIVE_INFINITY;
  let loadsFromMs = nowMs;
  let toldMs = Number.NEGATIVE_INFINITY;
  let toldPaused = "";

  const tell = (connections: number, atMs: number): void => {
    toldMs = atMs;
    const paused = isPaused();
    const { bytesPerSecond, receivedBytes } = all.measure(atMs, paused);
    for (const image of survey.images) noteImage(image, { atMs, paused });
    for (let turns = survey.images.length; turns > 0; turns -= 1) imageReporter.tick(atMs);
    const total = { ...allModels.measure(atMs, paused), bytesPerSecond };
    // A pause may take all night.
    const news = `${paused} ${connections} ${receivedBytes} ${total.verifiedBytes}`;
    if (paused && news === toldPaused) return;
    toldPaused = news;
    let missingBytes = 0;
    const missingUpTo = new Map(
      items.map(({ id, queued }) => [id, (missingBytes += countMissing(queued))]),
    );
    emit({
      type: "download.progress",
      ...total,
      etaSeconds: all.etaSeconds(tasks, atMs),
      onlineEtaSeconds: online ? onlineSeconds(atMs) : null,
      lanes: connections,
      models: survey.models.flatMap(({ id, label }) => {
        const counter = itemOf.get(id)?.counter;
        if (counter === undefined) return [];
        const state = counter.state(atMs);
        const waits = counter.missingBytes() > 0 && state !== "failed";
        const missing = missingUpTo.get(id) ?? 0;
        return {
          ...label,
          state,
          ...counter.measure(atMs, paused),
          etaSeconds: waits ? all.secondsFor(missing, atMs) : null,
        };
      }),
    });
  };
  const loadedBytes = survey.models.reduce(
    (sum, { priority, totalBytes }) => sum + (priority === 0 ? totalBytes : 0),
    0,
  );
  /**
   * Docker unpacks while the rest comes, and the layer that comes last after that. Then its container starts, which models may still
   * be on their way for, and it loads them.
   */
  const onlineSeconds = (atMs: number): number | null => {
    const seconds = all.etaSeconds(forOnline, atMs);
    const pulling = imageReporter.pullSeconds(atMs);
    if (seconds === null || pulling === null) return null;
    const last = layers.findLast(({ state }) => state !== "done");
    const afterLast =
      last === undefined
        ? 0
        : (all.etaSeconds(layers, atMs) ?? 0) +
          (imageReporter.unpackSeconds(last.blob.sizeBytes, 0, atMs) ?? 0);
    const comingBytes = layers.reduce(
      (sum, { state, blob }) => sum + (state === "done" ? 0 : blob.sizeBytes),
      0,
    );
    const unpackingLeft = unpacking.secondsLeft(comingBytes, atMs);
    const imagesLeft = Math.max(afterLast, pulling, unpackingLeft);
    const speed = disk.bytesPerSecond();
    const loading = speed === null ? 0 : loadedBytes / speed;
    const starting = imageReporter.startSeconds();
    // Nobody starts anything: a pull.
    if (starting === null) return toTenths(Math.max(seconds, imagesLeft));
    if (imagesLeft > 0) imagesThereMs = Number.POSITIVE_INFINITY;
    else imagesThereMs = Math.min(imagesThereMs, atMs);
    const sinceThere = Math.max(0, atMs - imagesThereMs) / 1000;
    const startsIn = Math.max(0, imagesLeft + starting - sinceThere);
    if (startsIn > 0 || seconds > 0) loadsFromMs = atMs;
    const loads = Math.max(0, loading - (atMs - loadsFromMs) / 1000);
    return toTenths(Math.max(seconds, startsIn) + loads);
  };
  /** One of which nothing has come in this run is as it was planned. */
  const noteImage = (
    { id, label: { image } }: SurveyedImage,
    { atMs, paused }: { readonly atMs: number; readonly paused: boolean },
  ): void => {
    const counter = itemOf.get(id)?.counter;
    if (counter?.hasBegun() !== true) return;
    const { receivedBytes, totalBytes } = counter.measure(atMs, paused);
    imageReporter.note({ image, phase: "downloading", receivedBytes, totalBytes });
  };
  return {
    /** As often as `everyMs` allows. */
    tick(connections: number, atMs: number): void {
      if (atMs - toldMs >= everyMs) tell(connections, atMs);
    },
    tell,
    isReady: (id: string): boolean => itemOf.get(id)?.isReady() === true,
  };
}

/** Of the images that the stack needs: what Docker, as fast as it has been, still takes for what it has not unpacked. */
function unpackingOf({ images, blobs }: Survey, reporter: ImageReporter) {
  const needed = images
    .filter(({ priority }) => priority === 0)
    .map(({ id, label }) => ({
      image: label.image,
      // A layer of several images is unpacked once.
      bytes: blobs.reduce((sum, each) => sum + (each.neededBy[0] === id ? each.sizeBytes : 0), 0),
    }));
  return {
    /** @param comingBytes of layers that are not there yet, and which it can't have begun with */
    secondsLeft(comingBytes: number, atMs: number): number {
      const left = needed.reduce(
        (sum, { image, bytes }) => sum + Math.max(0, bytes - reporter.unpackedBytes(image)),
        0,
      );
      return reporter.unpackSeconds(left, Math.max(0, left - comingBytes), atMs) ?? 0;
    },
  };
}

function createCounter(
  { totalBytes, cachedBytes }: { totalBytes: number; cachedBytes: number },
  tasks: readonly BlobTask[],
  startMs: number,
) {
  let rate = createRate(0, startMs);
  const sum = (count: (task: BlobTask) => number): number =>
    tasks.reduce((bytes, task) => bytes + count(task), 0);
  return {
    measure(nowMs: number, paused: boolean) {
      const receivedBytes = cachedBytes + sum((task) => task.receivedBytes);
      const verifiedBytes =
        cachedBytes + sum((task) => (task.state === "done" ? task.blob.sizeBytes : 0));
      const fetchedBytes = sum((task) => task.fetchedBytes);
      // Neither what was measured before a pause nor the time before a model's turn says anything of its speed.
      if (paused || fetchedBytes === 0) rate = createRate(fetchedBytes, nowMs);
      else rate.record(fetchedBytes, nowMs);
      return {
        receivedBytes,
        verifiedBytes,
        totalBytes,
        bytesPerSecond: Math.round(rate.bytesPerSecond(nowMs)),
      };
    },
    missingBytes: (): number => countMissing(tasks),
    /** Until these have come, at the speed of all. */
    etaSeconds: (waited: readonly BlobTask[], nowMs: number): number | null =>
      countMissing(waited) === 0 && waited.some(isCompared)
        ? null
        : toTenths(rate.etaSeconds(countMissing(waited), nowMs)),
    secondsFor: (missingBytes: number, nowMs: number): number | null =>
      toTenths(rate.etaSeconds(missingBytes, nowMs)),
    hasBegun: (): boolean =>
      tasks.some(({ state, fetchedBytes }) => state === "done" || fetchedBytes > 0),
    state(nowMs: number): ModelState {
      const unfinished = tasks.filter(({ state }) => state !== "done");
      if (unfinished.length === 0) return "ready";
      if (unfinished.some(({ state }) => state === "failed")) return "failed";
      if (unfinished.every((task) => task.state === "verifying" || isCompared(task))) {
        return unfinished.some(isCompared) ? "repairing" : "verifying";
      }
      if (unfinished.some((task) => task.attempts > 0 && nowMs < task.notBeforeMs))
        return "retrying";
      const begun =
        unfinished.length < tasks.length ||
        unfinished.some(({ state }) => !["waiting", "skipped"].includes(state));
      return begun ? "downloading" : "waiting";
    },
  };
}

function isDone({ state }: BlobTask): boolean {
  return state === "done";
}

/** All of it came, but not all of it right: it is fetched again and compared, and nobody knows for how long. */
function isCompared({ state, open }: BlobTask): boolean {
  return (open?.refetch ?? null) !== null && (state === "fetching" || state === "verifying");
}

/** Of what still comes in this run. */
function countMissing(tasks: readonly BlobTask[]): number {
  const coming = tasks.filter(({ state }) => !["done", "failed", "skipped"].includes(state));
  return coming.reduce(
    (bytes, { blob, receivedBytes }) => bytes + blob.sizeBytes - receivedBytes,
    0,
  );
}

/** Rounding to what a person reads is left to the screens. */
function toTenths(seconds: number | null): number | null {
  return seconds === null ? null : Math.round(seconds * 10) / 10;
}
