import { capabilitySentence } from "../../src/catalog/capabilities.ts";
import { healthAt, herOs } from "../her-os.ts";
import { onTestFinished } from "vitest";
import {
  type HealthWatch,
  watchStack,
  type WatchStackRequest,
} from "../../src/health/watch-stack.ts";
import type { StackWatch } from "../../src/docker/watch-containers.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { testHost } from "./fixtures.ts";

export const starting = { status: "starting", capabilities: { memory_search: false } };
export const online = {
  status: "healthy",
  capabilities: { memory_search: true, voice_stt: false },
};
export const complete = {
  status: "healthy",
  capabilities: { memory_search: true, voice_stt: true },
};

/** A stack that runs, but for what the test says. */
export function stackOf(change: Partial<StackWatch> = {}): StackWatch {
  return {
    check: () => Promise.resolve(null),
    own: () => null,
    lastLines: () => Promise.resolve(["her last words"]),
    ...change,
  };
}

export type TestHost = ReturnType<typeof testHost>;

export interface Watching {
  readonly watch: HealthWatch;
  readonly events: readonly HerosEvent[];
  readonly waits: readonly number[];
}

export function watching(
  url: string,
  { host = testHost(), ...change }: Partial<WatchStackRequest> & { host?: TestHost } = {},
): Watching {
  const events: HerosEvent[] = [];
  const watch = watchStack({
    host,
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
    question: healthAt(url.replace(/\/health$/, ""), "/home/ann/my annie"),
    sentenceOf: (name) => capabilitySentence(herOs, name),
    startedAtMs: host.clock.monotonicMs(),
    capabilities: { required: ["memory_search"], later: ["voice_stt"] },
    ...change,
  });
  onTestFinished(() => watch.stop());
  return { watch, events, waits: host.waits };
}
