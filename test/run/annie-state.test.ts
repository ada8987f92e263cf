import { describe, expect, test } from "vitest";
import type { HerosEvent } from "../../src/run/event.ts";
import { initialState, reduce, type RunState } from "../../src/run/state/state.ts";

function fold(events: readonly (HerosEvent & { readonly at?: number })[]): RunState {
  return events.reduce<RunState>(
    (state, event, index) => reduce(state, { v: 1, at: index, ...event }),
    initialState,
  );
}

describe("Annie", () => {
  const health = (status: string, can: boolean): HerosEvent => ({
    type: "annie.health",
    status,
    capabilities: { memory_search: can },
    models: {},
  });

  test("keeps since when her status is what it is", () => {
    const state = fold([
      { ...health("starting", false), at: 5 },
      { ...health("starting", true), at: 9 },
    ]);
    expect(state.health).toMatchObject({ statusAt: 5, capabilities: { memory_search: true } });
  });

  test("collects capabilities in the order in which they come, each once", () => {
    const ready = (name: string): HerosEvent => ({
      type: "capability.ready",
      name,
      message: `${name}.`,
    });
    const state = fold([ready("b"), ready("a"), ready("b")]);
    expect(state.health.ready.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  test("a container that runs again is broken no longer", () => {
    const failed: HerosEvent = {
      type: "container.failed",
      service: "core",
      state: "exited",
      exitCode: 1,
      logLines: ["no"],
    };
    const broken = fold([failed]);
    expect(Object.keys(broken.failedContainers)).toEqual(["core"]);
    const up = reduce(broken, {
      v: 1,
      at: 9,
      type: "container.changed",
      service: "core",
      state: "running",
    });
    expect(up.failedContainers).toEqual({});
  });
});
