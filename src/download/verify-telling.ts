import type { Host } from "../host/host.ts";
import type { Emit } from "../progress/event.ts";
import type { ModelProgress } from "../progress/events/download.ts";
import { createRate } from "../progress/rate.ts";
import type { PresentContent } from "./inspect.ts";
import type { Survey } from "./survey.ts";

/** With the last one, five a second. */
const progressMs = 250;

interface Checked {
  bytes: number;
  /** Null while it is being hashed, or waits. */
  sound: boolean | null;
}

/** Folds what the threads say into at most five `verify.progress` a second. */
export function createVerifyTelling(
  {
    host,
    survey,
    emit,
  }: { readonly host: Pick<Host, "clock">; readonly survey: Survey; readonly emit: Emit },
  contents: readonly PresentContent[],
  startMs: number,
) {
  const states = new Map<PresentContent, Checked>(
    contents.map((content) => [content, { bytes: 0, sound: null }]),
  );
  const rate = createRate(0, startMs);
  const totalBytes = contents.reduce((sum, { blob }) => sum + blob.sizeBytes, 0);
  let checkedBytes = 0;
  let checkedFiles = 0;
  let toldMs = startMs;

  const progressOf = ({ id, title, tier }: Survey["models"][number]): ModelProgress[] => {
    const own = [...states].filter(([{ blob }]) => blob.models.includes(id));
    if (own.length === 0) return [];
    const checked = own.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    return [
      {
        id,
        title,
        tier,
        state: stateOf(own.map(([, state]) => state)),
        receivedBytes: checked,
        verifiedBytes: checked,
        totalBytes: own.reduce((sum, [{ blob }]) => sum + blob.sizeBytes, 0),
        bytesPerSecond: 0,
        etaSeconds: null,
      },
    ];
  };
  const tell = (nowMs: number): void => {
    toldMs = nowMs;
    const etaSeconds = rate.etaSeconds(totalBytes - checkedBytes, nowMs);
    emit({
      type: "verify.progress",
      checkedFiles,
      files: contents.length,
      checkedBytes,
      totalBytes,
      bytesPerSecond: Math.round(rate.bytesPerSecond(nowMs)),
      etaSeconds: etaSeconds === null ? null : Math.round(etaSeconds * 10) / 10,
      models: survey.models.flatMap(progressOf),
    });
  };
  const reached = (content: PresentContent, bytes: number): void => {
    const state = states.get(content);
    if (state === undefined) return;
    checkedBytes += bytes - state.bytes;
    state.bytes = bytes;
    const nowMs = host.clock.monotonicMs();
    rate.record(checkedBytes, nowMs);
    if (nowMs - toldMs >= progressMs) tell(nowMs);
  };
  return {
    reached,
    checked(content: PresentContent, sound: boolean): void {
      const state = states.get(content);
      if (state !== undefined) state.sound = sound;
      checkedFiles += 1;
      reached(content, content.blob.sizeBytes);
    },
    end(): void {
      if (contents.length > 0) tell(host.clock.monotonicMs());
    },
  };
}

function stateOf(files: readonly Checked[]): ModelProgress["state"] {
  if (files.some(({ sound }) => sound === false)) return "failed";
  if (files.every(({ sound }) => sound === true)) return "ready";
  return files.some(({ bytes }) => bytes > 0) ? "verifying" : "waiting";
}
