import { onTestFinished } from "vitest";
import {
  type AnnieWatch,
  watchAnnie,
  type WatchAnnieRequest,
} from "../../src/health/watch-annie.ts";
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
  readonly watch: AnnieWatch;
  readonly events: readonly HerosEvent[];
  readonly waits: readonly number[];
}

export function watching(
  url: string,
  { host = testHost(), ...change }: Partial<WatchAnnieRequest> & { host?: TestHost } = {},
): Watching {
  const events: HerosEvent[] = [];
  const watch = watchAnnie({
    host,
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
    url,
    stackDir: "/home/ann/my annie",
    startedAtMs: host.clock.monotonicMs(),
    capabilities: { tier1: ["memory_search"], later: ["voice_stt"] },
    ...change,
  });
  onTestFinished(() => watch.stop());
  return { watch, events, waits: host.waits };
}
