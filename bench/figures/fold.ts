import type { TimedEvent } from "../../src/run/event.ts";
import { createStore } from "../../src/ui/ink/screen-store.ts";
import { median, milliseconds, type Figure } from "../figure.ts";

const eventsPerSecond = 10_000;

/** How long the screen's state takes for as many events as a second may bring. */
export function measureFold(): Figure {
  const times = Array.from({ length: 5 }, foldOneSecond);
  return {
    name: `${eventsPerSecond} events of a second folded`,
    measured: milliseconds(median(times)),
    compared: "1000 ms",
    ratio: median(times) / 1000,
    bound: 1,
  };
}

function foldOneSecond(): number {
  const store = createStore({ now: () => performance.now(), frameMs: 0, verbosity: "normal" });
  const beganMs = performance.now();
  for (let index = 0; index < eventsPerSecond; index++) {
    store.write(eventAt(index / (eventsPerSecond / 1000), index));
  }
  return performance.now() - beganMs;
}

/** Progress of six models for the most part; files that begin and end in between. */
function eventAt(at: number, index: number): TimedEvent {
  const file = { repo: "bench/one", path: `file-${index}.safetensors` };
  if (index % 10 === 0)
    return { v: 1, at, type: "file.started", ...file, totalBytes: 1e6, resumedBytes: 0 };
  if (index % 10 === 1)
    return { v: 1, at, type: "file.verified", ...file, sha256: "0".repeat(64), bytes: 1e6 };
  return {
    v: 1,
    at,
    type: "download.progress",
    receivedBytes: index * 1000,
    verifiedBytes: index * 900,
    totalBytes: eventsPerSecond * 1000,
    bytesPerSecond: 1e8,
    etaSeconds: 10,
    lanes: 8,
    models: Array.from({ length: 6 }, (_, model) => ({
      id: `model-${model}`,
      title: `Model ${model}`,
      tier: 1,
      state: "downloading" as const,
      receivedBytes: index * 100,
      verifiedBytes: index * 90,
      totalBytes: eventsPerSecond * 100,
      bytesPerSecond: 1e7,
      etaSeconds: 10,
    })),
  };
}
