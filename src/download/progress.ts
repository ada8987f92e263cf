import type { ModelState } from "../run/events/download.ts";
import type { Emit } from "../run/event.ts";
import { createRate } from "../run/rate.ts";
import type { BlobTask } from "./blob-task.ts";
import type { Survey } from "../store/store.ts";

/**
 * Turns the tasks' state into progress events. Bytes that another process brought move the bars, not the speed.
 * Connections serve the models one after the other, so a model's own speed says nothing of when it comes: its time is that of all
 * that is missing up to it, at the speed of all.
 */
export function createProgress({
  survey,
  tasks,
  emit,
  nowMs,
  everyMs,
  isPaused,
}: {
  survey: Survey;
  tasks: readonly BlobTask[];
  emit: Emit;
  nowMs: number;
  everyMs: number;
  /** Then nothing is fetched, on purpose: no speed, no time left. */
  isPaused: () => boolean;
}) {
  const all = createCounter(survey, tasks, nowMs);
  const claimed = new Set<BlobTask>();
  const models = survey.models.map((model) => {
    const own = tasks.filter(({ blob }) => blob.models.includes(model.id));
    const queued = own.filter((task) => !claimed.has(task));
    for (const task of queued) claimed.add(task);
    return { model, queued, counter: createCounter(model, own, nowMs) };
  });
  let toldMs = Number.NEGATIVE_INFINITY;
  let toldPaused = "";

  const tell = (connections: number, atMs: number): void => {
    toldMs = atMs;
    const paused = isPaused();
    const total = all.measure(atMs, paused);
    // A pause may take all night.
    const news = `${paused} ${connections} ${total.receivedBytes} ${total.verifiedBytes}`;
    if (paused && news === toldPaused) return;
    toldPaused = news;
    let missingBytes = 0;
    emit({
      type: "download.progress",
      ...total,
      etaSeconds: all.etaSeconds(all.missingBytes(), atMs),
      lanes: connections,
      models: models.map(({ model, queued, counter }) => {
        missingBytes += countMissing(queued);
        const state = counter.state(atMs);
        const waits = counter.missingBytes() > 0 && state !== "failed";
        return {
          ...model.label,
          state,
          ...counter.measure(atMs, paused),
          etaSeconds: waits ? all.etaSeconds(missingBytes, atMs) : null,
        };
      }),
    });
  };
  return {
    /** As often as `everyMs` allows. */
    tick(connections: number, atMs: number): void {
      if (atMs - toldMs >= everyMs) tell(connections, atMs);
    },
    tell,
    isReady: (id: string): boolean =>
      models.some(({ model, counter }) => model.id === id && counter.isReady()),
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
    etaSeconds: (missingBytes: number, nowMs: number): number | null =>
      missingBytes === 0 && tasks.some(isCompared)
        ? null
        : toTenths(rate.etaSeconds(missingBytes, nowMs)),
    isReady: (): boolean => tasks.every(({ state }) => state === "done"),
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
