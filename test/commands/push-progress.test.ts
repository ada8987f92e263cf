import { expect, test } from "vitest";
import { createPushProgress } from "../../src/commands/models/push-progress.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { steppedClock } from "../download/stepped-clock.ts";

test("progress of a push adds up, and only the model that is being sent has a speed", () => {
  const events: HerosEvent[] = [];
  let nowMs = 0;
  const clock = { ...steppedClock(1), monotonicMs: () => nowMs };
  const label = (id: string) => ({ id, title: id, tier: 1 });
  const progress = createPushProgress({ host: { clock }, emit: (event) => events.push(event) }, [
    { label: label("one"), totalBytes: 1000 },
    { label: label("two"), totalBytes: 500 },
  ]);
  const last = () => {
    const event = events.at(-1);
    if (event?.type !== "push.progress") throw new Error("no progress");
    return event;
  };
  nowMs = 1000;
  progress.sent("one", 400);
  expect(last()).toMatchObject({ sentBytes: 400, totalBytes: 1500 });
  expect(last().bytesPerSecond).toBeGreaterThan(0);
  expect(last().models).toMatchObject([
    { id: "one", state: "downloading", receivedBytes: 400, bytesPerSecond: last().bytesPerSecond },
    { id: "two", state: "waiting", receivedBytes: 0, bytesPerSecond: 0 },
  ]);
  // Not more often than five times a second.
  progress.sent("one", 100);
  expect(events).toHaveLength(1);
  progress.sent("one", 500);
  progress.done("one");
  progress.sent("two", 500);
  progress.done("two");
  progress.end();
  expect(last()).toMatchObject({
    sentBytes: 1500,
    models: [{ state: "ready" }, { state: "ready" }],
  });
});
