import { afterEach, beforeEach, expect, it } from "vitest";
import type { DemoWorld } from "../../src/demo/prepare-demo.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { initialState, reduce } from "../../src/run/state/state.ts";
import { elapsedText } from "../../src/ui/ink/header.ts";
import { sentenceFor } from "../../src/ui/messages/sentence-for.ts";
import { eventsOf, makeWorld, runSetup } from "./demo-setup.ts";

/** As long as a person reads. */
const readingMs = 3_600_000;

let world: DemoWorld;

beforeEach(async () => {
  world = await makeWorld();
});

afterEach(() => world.dispose());

it("counts from yes where somebody was asked, on the screen as in the end", async () => {
  let nowMs = 0;
  const ask = async () => {
    nowMs = readingMs;
    return null;
  };
  const refused = await runSetup(world, { request: { person: { ask } } });
  expect(refused.words).toBeNull();
  const heard: number[] = [];
  const run = await runSetup(world, {
    elapsedMs: () => nowMs,
    request: {
      person: {
        ask: async ({ answers }) => {
          nowMs = readingMs;
          return answers;
        },
      },
      onSettled: (_answers, agreedAtMs) => heard.push(agreedAtMs),
    },
  });
  expect(run.error).toBeNull();
  expect(heard).toEqual([readingMs]);
  const [plan] = eventsOf(run, "plan.ready");
  expect(plan?.agreedAtMs).toBe(readingMs);
  expect(eventsOf(run, "annie.online")[0]?.elapsedMs).toBeLessThan(readingMs);

  if (plan === undefined) throw new Error("no plan");
  const asked = reduce(initialState, { v: 1, at: readingMs + 500, ...plan });
  const end: TimedEvent = {
    v: 1,
    at: readingMs + 8000,
    type: "run.succeeded",
    command: "setup",
    elapsedMs: readingMs + 8000,
    summary: [],
  };
  expect(sentenceFor(end, asked)?.text).toContain("8 s");
  expect(elapsedText({ state: asked, elapsedMs: readingMs + 8000 })).toBe("8 s");
});

it("counts from the start where nobody was asked, and names each model as it is ready", async () => {
  const run = await runSetup(world);
  expect(eventsOf(run, "plan.ready")[0]).not.toHaveProperty("agreedAtMs");
  const titles = Object.fromEntries(world.catalog.models.map(({ id, title }) => [id, title]));
  const ready = eventsOf(run, "model.ready");
  expect(Object.fromEntries(ready.map(({ id, title }) => [id, title]))).toEqual(titles);
  // Also where they are there already, before anything is told of the download.
  const again = await runSetup(world);
  for (const event of eventsOf(again, "model.ready")) {
    const told = sentenceFor({ v: 1, at: 0, ...event }, initialState)?.text;
    expect(told).toContain(titles[event.id]);
  }
});
