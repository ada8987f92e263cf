import { expect, test } from "vitest";
import type { TimedEvent } from "../../../src/run/event.ts";
import { initialState, reduce } from "../../../src/run/state/state.ts";
import { createWindow } from "../../../src/ui/ink/window.ts";
import { createInkWriter } from "../../../src/ui/ink/writer.tsx";
import { createMemoryTerminal } from "../../terminal/memory-terminal.ts";
import { recording } from "../recordings.ts";

const all = { title: true, progress: true, links: true };

function stateAt(ms: number) {
  return recording("pull-paused")
    .filter(({ at }) => at <= ms)
    .reduce(reduce, initialState);
}

test("what did not change is not written again, and nothing before or after the window is ours", () => {
  const window = createWindow(all);
  const snapshot = { state: stateAt(2119), wizard: null };
  expect(window.show(snapshot)).toBe("");
  window.enter();
  expect(window.show(snapshot)).toContain("22% Downloading models");
  expect(window.show(snapshot)).toBe("");
  window.leave();
  expect(window.show(snapshot)).toBe("");
  expect(window.leave()).not.toContain("23;0t");
});

test("a download that rests is told as such, and no percentage before one begins", () => {
  const window = createWindow(all);
  window.enter();
  expect(window.show({ state: stateAt(0), wizard: null })).toContain("]9;4;3;0");
  const [paused] = recording("pull-paused").filter(({ type }) => type === "download.paused");
  expect(window.show({ state: stateAt(paused?.at ?? 0), wizard: null })).toContain("]9;4;4;42");
});

async function bells(ms: number, closing: object): Promise<number> {
  const memory = createMemoryTerminal();
  const terminal = { ...memory.terminal, features: all };
  const writer = await createInkWriter(terminal, { now: () => 0, frameMs: 0 });
  const [started] = recording("pull-paused");
  if (started === undefined) throw new Error("an empty recording");
  writer.write(started);
  writer.write({ v: 1, at: ms, ...closing } as TimedEvent);
  await writer.close();
  memory.emulator.dispose();
  return memory.stdout().split("\u0007").length - 1;
}

test("a run of more than a minute ends with a bell, unless the person ended it", async () => {
  const done = { type: "run.succeeded", command: "pull", elapsedMs: 61_000, summary: [] };
  const failed = { type: "run.failed", code: "bug", message: "m", hint: "", exitCode: 1 };
  expect(await bells(61_000, done)).toBe(1);
  expect(await bells(61_000, failed)).toBe(1);
  expect(await bells(59_000, done)).toBe(0);
  expect(await bells(61_000, { type: "run.cancelled", exitCode: 130, hint: "" })).toBe(0);
  expect(await bells(61_000, { ...done, background: { pid: 7 } })).toBe(0);
});
