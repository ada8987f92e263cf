import type { ModelProgress, ModelState } from "../progress/events/download.ts";
import type { Emit } from "../progress/event.ts";
import { createRate } from "../progress/rate.ts";
import type { BlobTask } from "./blob-task.ts";
import type { Survey, SurveyedModel } from "./survey.ts";

/** Turns the tasks' state into progress events. Bytes that another process brought move the bars, not the speed. */
export function createTelling({
  survey,
  tasks,
  emit,
  nowMs,
  everyMs,
}: {
  survey: Survey;
  tasks: readonly BlobTask[];
  emit: Emit;
  nowMs: number;
  everyMs: number;
}) {
  const all = createCounter(survey, tasks, nowMs);
  const models = survey.models.map((model) => ({
    model,
    counter: createCounter(
      model,
      tasks.filter(({ blob }) => blob.models.includes(model.id)),
      nowMs,
    ),
  }));
  let toldMs = Number.NEGATIVE_INFINITY;

  const tell = (lanes: number, atMs: number): void => {
    toldMs = atMs;
    emit({
      type: "download.progress",
      ...all.measure(atMs),
      lanes,
      models: models.map(({ model, counter }) => ({
        ...named(model),
        state: counter.state(atMs),
        ...counter.measure(atMs),
      })),
    });
  };
  return {
    /** As often as `everyMs` allows. */
    tick(lanes: number, atMs: number): void {
      if (atMs - toldMs >= everyMs) tell(lanes, atMs);
    },
    tell,
    isReady: (id: string): boolean =>
      models.some(({ model, counter }) => model.id === id && counter.isReady()),
  };
}

function named({ id, title, tier }: SurveyedModel): Pick<ModelProgress, "id" | "title" | "tier"> {
  return { id, title, tier };
}

function createCounter(
  { totalBytes, cachedBytes }: { totalBytes: number; cachedBytes: number },
  tasks: readonly BlobTask[],
  startMs: number,
) {
  const rate = createRate(0, startMs);
  const sum = (count: (task: BlobTask) => number): number =>
    tasks.reduce((bytes, task) => bytes + count(task), 0);
  return {
    measure(nowMs: number) {
      const receivedBytes = cachedBytes + sum((task) => task.receivedBytes);
      const verifiedBytes =
        cachedBytes + sum((task) => (task.state === "done" ? task.blob.sizeBytes : 0));
      rate.record(
        sum((task) => task.fetchedBytes),
        nowMs,
      );
      return {
        receivedBytes,
        verifiedBytes,
        totalBytes,
        bytesPerSecond: Math.round(rate.bytesPerSecond(nowMs)),
        etaSeconds: roundEta(rate.etaSeconds(totalBytes - receivedBytes, nowMs)),
      };
    },
    isReady: (): boolean => tasks.every(({ state }) => state === "done"),
    state(nowMs: number): ModelState {
      const rest = tasks.filter(({ state }) => state !== "done");
      if (rest.length === 0) return "ready";
      if (rest.every(({ state }) => state === "verifying")) return "verifying";
      if (rest.some((task) => task.attempts > 0 && nowMs < task.notBeforeMs)) return "retrying";
      const begun = rest.length < tasks.length || rest.some(({ state }) => state !== "waiting");
      return begun ? "downloading" : "waiting";
    },
  };
}

function roundEta(seconds: number | null): number | null {
  return seconds === null ? null : Math.ceil(seconds);
}
