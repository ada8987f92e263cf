import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { HerosEvent, TimedEvent } from "../../../src/run/event.ts";
import { initialState, reduce, type RunState } from "../../../src/run/state/state.ts";

function fold(events: readonly (HerosEvent & { readonly at?: number })[]): RunState {
  return events.reduce<RunState>(
    (state, event, index) => reduce(state, { v: 1, at: index, ...event }),
    initialState,
  );
}

const started: HerosEvent = {
  type: "run.started",
  command: "setup",
  herosVersion: "0.1.0",
  demo: false,
  stages: ["machine", "plan", "stack", "download", "annie"],
};

function model(id: string, state: "waiting" | "downloading" | "retrying" | "ready", bytes = 0) {
  return {
    id,
    title: id,
    tier: 1,
    state,
    receivedBytes: bytes,
    verifiedBytes: 0,
    totalBytes: 100,
    bytesPerSecond: 1,
    etaSeconds: 9,
  } as const;
}

function progress(models: readonly ReturnType<typeof model>[]): HerosEvent {
  return {
    type: "download.progress",
    receivedBytes: models.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
    verifiedBytes: 0,
    totalBytes: 100 * models.length,
    bytesPerSecond: 10,
    etaSeconds: 12,
    lanes: 4,
    models,
  };
}

describe("stages", () => {
  test("wait, run and end with their outcome and times", () => {
    const state = fold([
      started,
      { type: "stage.started", stage: "machine", at: 10 },
      { type: "stage.finished", stage: "machine", outcome: "done", at: 25 },
      { type: "stage.started", stage: "plan", at: 26 },
    ]);
    expect(state.stages.map(({ stage, state: now }) => `${stage} ${now}`)).toEqual([
      "machine done",
      "plan running",
      "stack waiting",
      "download waiting",
      "annie waiting",
    ]);
    expect(state.stages[0]).toMatchObject({ startedAt: 10, finishedAt: 25 });
    expect(state.elapsedMs).toBe(26);
  });

  test("that nobody announced are added", () => {
    const state = fold([{ type: "stage.started", stage: "stack" }]);
    expect(state.stages.map(({ stage }) => stage)).toEqual(["stack"]);
  });
});

describe("checks", () => {
  test("keep the place in which they began", () => {
    const state = fold([
      { type: "check.started", id: "gpu", title: "GPU" },
      { type: "check.started", id: "memory", title: "Memory" },
      {
        type: "check.finished",
        id: "memory",
        title: "Memory",
        status: "warning",
        found: "8 GiB",
        remedy: "Close something.",
        elapsedMs: 3,
      },
    ]);
    expect(state.checks).toEqual([
      { id: "gpu", title: "GPU", status: "running", found: "", remedy: null },
      {
        id: "memory",
        title: "Memory",
        status: "warning",
        found: "8 GiB",
        remedy: "Close something.",
      },
    ]);
  });
});

describe("the download", () => {
  const planned: HerosEvent = {
    type: "download.planned",
    files: 3,
    totalBytes: 200,
    cachedBytes: 20,
    resumedBytes: 5,
    freeBytes: 900,
  };

  test("begins with what is here already", () => {
    expect(fold([planned]).download).toMatchObject({ receivedBytes: 25, totalBytes: 200 });
  });

  test("shows the plan's models until the engine tells more", () => {
    const plan: HerosEvent = {
      type: "plan.ready",
      dryRun: false,
      tiers: [1],
      models: [{ id: "a", title: "A", purpose: "x", tier: 1, totalBytes: 100, cachedBytes: 40 }],
      totalBytes: 100,
      cachedBytes: 40,
      startup: "wait",
      cacheDir: "/c",
      stackDir: "/s",
      endpoint: "https://hub",
      token: "none",
      files: [],
      services: [],
    };
    expect(fold([plan]).download.models).toMatchObject([
      { id: "a", state: "waiting", receivedBytes: 40 },
    ]);
    const later = fold([plan, progress([model("a", "downloading", 60)])]);
    expect(later.download.models).toMatchObject([{ state: "downloading", receivedBytes: 60 }]);
  });

  test("notes a retry beside its model until bytes come again", () => {
    const retrying: HerosEvent = {
      type: "download.retrying",
      model: "a",
      repo: "o/a",
      path: "w",
      reason: "reset",
      attempt: 1,
      delayMs: 1000,
    };
    const ofOneLane = fold([planned, { ...retrying, scope: "lane", at: 100 }]);
    expect(ofOneLane.download).toMatchObject({ notes: {}, retries: 1 });
    const noted = fold([planned, { ...retrying, at: 100 }]);
    expect(noted.download.notes["a"]).toMatchObject({ kind: "retrying", at: 100, untilMs: 1100 });
    const waits = reduce(noted, { v: 1, at: 1200, ...progress([model("a", "retrying")]) });
    expect(waits.download.notes["a"]).toBeDefined();
    const goesOn = reduce(waits, { v: 1, at: 1300, ...progress([model("a", "downloading", 1)]) });
    expect(goesOn.download.notes).toEqual({});
  });

  test("notes another program's download until that file is here", () => {
    const blocked = fold([
      { type: "download.blocked", repo: "o/a", path: "w", holder: "python3" },
      progress([model("a", "downloading", 1)]),
    ]);
    expect(blocked.download.notes["o/a"]).toMatchObject({ kind: "blocked", holder: "python3" });
    const verified = reduce(blocked, {
      v: 1,
      at: 9,
      type: "file.verified",
      repo: "o/a",
      path: "w",
      sha256: "00",
      bytes: 1,
    });
    expect(verified.download.notes).toEqual({});
    expect(verified.download.verifiedFiles).toBe(1);
  });

  test("rests without speed and time left, and keeps what is here", () => {
    const going = [planned, progress([model("a", "downloading", 60)])];
    const rested = fold([...going, { type: "download.paused" }]).download;
    expect(rested).toMatchObject({ paused: true, bytesPerSecond: 0, etaSeconds: null, lanes: 0 });
    expect(rested.models).toMatchObject([{ receivedBytes: 60, bytesPerSecond: 0 }]);
    expect(rested.receivedBytes).toBe(fold(going).download.receivedBytes);
    const tried = { type: "download.retrying", repo: "o/a", path: "w", reason: "reset" } as const;
    const held = fold([
      ...going,
      { ...tried, attempt: 1, delayMs: 9 },
      { type: "download.paused" },
    ]);
    expect(held.download.notes).toEqual({});
    const resumed = fold([...going, { type: "download.paused" }, { type: "download.resumed" }]);
    expect(resumed.download.paused).toBe(false);
  });

  test("ends with speed and time left at nothing", () => {
    const state = fold([
      progress([model("a", "downloading", 99)]),
      { type: "model.ready", id: "a", repo: "o/a", revision: "c", path: "/p" },
      { type: "download.finished", fetchedBytes: 100, elapsedMs: 5 },
    ]);
    expect(state.download).toMatchObject({ bytesPerSecond: 0, etaSeconds: null, lanes: 0 });
    expect(state.download.models).toMatchObject([{ state: "ready", receivedBytes: 100 }]);
  });
});

test("a recorded run folds to its end, and no event changes an earlier state", () => {
  const events = readFileSync(
    new URL("../../ui/fixtures/fresh-setup.jsonl", import.meta.url),
    "utf8",
  )
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TimedEvent);
  const freeze = (state: RunState): RunState => Object.freeze(state);
  const end = events.reduce((state, event) => freeze(reduce(state, event)), initialState);
  expect(end.closing?.type).toBe("run.succeeded");
  expect(end.health.online?.url).toBe("http://127.0.0.1:8000");
  expect(end.stages.every(({ state }) => state === "done")).toBe(true);
});

test("the cost of an event does not grow with the number of events before it", () => {
  const event: TimedEvent = {
    v: 1,
    at: 1,
    type: "file.verified",
    repo: "o/a",
    path: "w",
    sha256: "00",
    bytes: 1,
  };
  const notice: TimedEvent = {
    v: 1,
    at: 1,
    type: "notice",
    level: "info",
    code: "x",
    message: "m",
  };
  const written: TimedEvent = { v: 1, at: 1, type: "file.written", path: "/f", action: "created" };
  let state = initialState;
  for (let round = 0; round < 20_000; round += 1) {
    state = reduce(reduce(reduce(state, event), notice), written);
  }
  expect(state.download.verifiedFiles).toBe(20_000);
  expect(state.notices.length).toBe(100);
  expect(state.files.length).toBe(100);
});
