import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRecording } from "../../../../src/record/read-record.ts";
import type { TimedEvent } from "../../../../src/run/event.ts";
import type { ModelState } from "../../../../src/run/events/download.ts";
import { initialState, reduce, type RunState } from "../../../../src/run/state/state.ts";
import {
  clipLine,
  frameColumns,
  frameRows,
  lineWidth,
  type Size,
} from "../../../../src/ui/ink/line.ts";
import { liveScreen } from "../../../../src/ui/ink/live/screen.ts";
import { noRunKeys } from "../../../../src/ui/writer.ts";
import { createTheme } from "../../../../src/ui/ink/theme.ts";
import { capabilityTitleIn } from "../../../../src/ui/messages/capabilities.ts";
import { awaitedCapabilities } from "../../../../src/ui/messages/stack.ts";
import { recording, recordings } from "../../recordings.ts";

const theme = createTheme({ color: true, unicode: true });

function screen(state: RunState, size: Size, elapsedMs = state.elapsedMs) {
  const view = { state, size, theme, tick: 3, elapsedMs, keys: noRunKeys };
  return liveScreen(view).map((line) => clipLine(line, frameColumns(size), theme));
}

function texts(state: RunState, size: Size, elapsedMs?: number): string {
  return screen(state, size, elapsedMs)
    .map((line) => line.map(({ text }) => text).join(""))
    .join("\n");
}

function fold(events: readonly TimedEvent[]): RunState {
  return events.reduce(reduce, initialState);
}

const started: TimedEvent = {
  v: 1,
  at: 0,
  type: "run.started",
  command: "pull",
  herosVersion: "0.1.0",
  demo: true,
  stages: ["download", "annie"],
};

const titles = [
  "Whisper large v3",
  "日本語の大きなモデル",
  "🦊🦊🦊 fox",
  "e\u0301te\u0301",
  "A".repeat(80),
];

function manyModels(count: number, state: ModelState = "downloading"): TimedEvent {
  return {
    v: 1,
    at: 5000,
    type: "download.progress",
    receivedBytes: 10 * count,
    verifiedBytes: count,
    totalBytes: 100 * count,
    bytesPerSecond: 1_000_000,
    etaSeconds: 80,
    lanes: 8,
    models: Array.from({ length: count }, (_, index) => ({
      id: `m${index}`,
      title: titles[index % titles.length] ?? "",
      tier: 1,
      state: index === count - 1 ? state : "waiting",
      receivedBytes: 10,
      verifiedBytes: 1,
      totalBytes: 100,
      bytesPerSecond: 1_000_000,
      etaSeconds: 80,
    })),
  };
}

describe("the live screen", () => {
  test("tells the time left of all, and not of one model, whose bytes wait for those before it", () => {
    const rows = texts(fold([started, manyModels(1)]), { columns: 100, rows: 24 }).split("\n");
    expect(rows.filter((row) => row.includes("1.00 MB/s"))).toHaveLength(2);
    expect(rows.filter((row) => row.includes("1 min 20 s left"))).toEqual([
      expect.stringMatching(/^10\/100 B +1\.00 MB\/s/),
    ]);
  });

  test("is never taller or wider than the terminal, in any size, at any moment of a run", () => {
    const moments = recordings.flatMap((name) => {
      const events = recording(name);
      let state = initialState;
      return events.map((event) => (state = reduce(state, event)));
    });
    const size = fc.record({
      columns: fc.integer({ min: 20, max: 220 }),
      rows: fc.integer({ min: 4, max: 70 }),
    });
    const moment = fc.oneof(
      fc.constantFrom(...moments),
      fc.integer({ min: 1, max: 30 }).map((count) => fold([started, manyModels(count)])),
    );
    fc.assert(
      fc.property(size, moment, (chosen, state) => {
        const lines = screen(state, chosen);
        expect(lines.length).toBeLessThanOrEqual(frameRows(chosen));
        for (const line of lines) expect(lineWidth(line)).toBeLessThan(chosen.columns);
      }),
      { numRuns: 400 },
    );
  });

  test("names the steps as far as there is room, and those that run in any case", () => {
    const state = fold(recording("fresh-setup").filter(({ at }) => at <= 3000));
    const steps = (columns: number) => texts(state, { columns, rows: 12 }).split("\n")[1];
    expect(steps(80)).toMatch(/^\[✓\] Machine {2}\[✓\] Plan/);
    expect(steps(40)).toMatch(/^✓Machine ✓Plan ✓Stack .Models .Annie$/);
    expect(steps(30)).toMatch(/^✓✓✓.{2} Models Annie$/);
  });

  test("says how many models have no row, and keeps those that work", () => {
    const text = texts(fold([started, manyModels(30)]), { columns: 80, rows: 15 });
    expect(text).toMatch(/\+\d+ more/);
    // The last of the thirty is the one that downloads.
    expect(text).toContain("A".repeat(20));
  });

  test("says DEMO in every size", () => {
    for (const columns of [20, 40, 80, 200]) {
      expect(texts(fold([started]), { columns, rows: 12 })).toContain("DEMO");
    }
  });

  test("counts a retry down in words", () => {
    const retrying: TimedEvent = {
      v: 1,
      at: 6000,
      type: "download.retrying",
      model: "m0",
      repo: "o/a",
      path: "w",
      reason: "the connection was reset",
      attempt: 1,
      delayMs: 8000,
    };
    const state = fold([started, manyModels(1), retrying]);
    const size = { columns: 90, rows: 24 };
    expect(texts(state, size, 6000)).toContain("the connection was reset, retrying in 8 s");
    expect(texts(state, size, 12_500)).toContain("retrying in 2 s");
    expect(texts(state, size, 15_000)).toContain("retrying (attempt 2)");
  });

  test("keeps a bar from being full before everything is here", () => {
    const almost = manyModels(1);
    if (almost.type !== "download.progress") throw new Error("not progress");
    const event: TimedEvent = { ...almost, receivedBytes: 999_999, totalBytes: 1_000_000 };
    const text = texts(fold([started, event]), { columns: 120, rows: 24 });
    expect(text.split("\n").find((line) => line.includes("░"))).toMatch(/░ +99%/);
  });

  test("is empty before a run and after its end", () => {
    expect(screen(initialState, { columns: 80, rows: 24 })).toEqual([]);
    expect(screen(fold(recording("fresh-setup")), { columns: 80, rows: 24 })).toEqual([]);
  });
});

/** In the middle of the first model, while compose fetches the images of all containers. */
function setupWithContainers(): RunState {
  const events = recording("fresh-setup").filter(({ at }) => at <= 3300);
  const services = ["her-os-core", "postgres", "redis", "neo4j", "qdrant", "kokoro"];
  const pulling = services.map((service, index): TimedEvent => {
    const bytes = index === 0 ? { receivedBytes: 9e9, totalBytes: 18e9 } : {};
    return { v: 1, at: 3300, type: "container.changed", service, state: "pulling", ...bytes };
  });
  return fold([...events, ...pulling]);
}

describe("a setup in the middle of its downloads", () => {
  const rowsAt = (columns: number, rows: number): string[] =>
    texts(setupWithContainers(), { columns, rows }).split("\n");

  test("at 80 by 24 shows the bar over all first, each model, Annie, each container, and the keys", () => {
    const rows = rowsAt(80, 24);
    const place = (pattern: RegExp): number => rows.findIndex((row) => pattern.test(row));
    const places = [
      /^▓+░+ +7%$/,
      /^31\/400 MB {3}14\.6 MB\/s$/,
      /Qwen3 Embedding 0\.6B ━+─+ 31\.5\/59\.6 MB 14\.6 MB\/s$/,
      /GLiNER/,
      /Whisper/,
      /Kokoro 82M/,
      /Qwen3 Embedding 8B/,
      /Qwen3 Reranker/,
      /Annie is waiting for 6 containers/,
      /postgres/,
      /redis/,
      /neo4j/,
      /qdrant/,
      /kokoro/,
      /her-os-core +━+─+ +9\.0\/18\.0 GB +pulling$/,
      /^q: stop/,
    ].map(place);
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    // The sizes of models and images end in one column.
    const ends = rows.flatMap((row) =>
      / [MG]B /.test(row) ? [row.search(/[MG]B (?!.*[MG]B )/)] : [],
    );
    expect(new Set(ends.slice(1)).size).toBe(1);
  });

  test("at 40 by 12 shows the bar over all, Annie and the keys", () => {
    const rows = rowsAt(40, 12);
    expect(rows).toContainEqual(expect.stringMatching(/^▓+░+ +7%$/));
    expect(rows).toContainEqual(expect.stringContaining("Annie is waiting for her-os-core"));
    expect(rows).toContainEqual(expect.stringContaining("Qwen3 Embedding 0.6B"));
    expect(rows.at(-1)).toMatch(/^q: stop/);
  });

  test("a model that waits has a size and no bar", () => {
    const [row] = rowsAt(80, 24).filter((text) => text.includes("Whisper"));
    expect(row).toMatch(/^\[ \] Whisper large v3 +97\.7 MB +waiting$/);
  });
});

/** All bars and six containers: images and models come, and of those whose image is ready the containers start. */
function setupWithImages(): RunState {
  const begun = recording("fresh-setup").filter(({ at }) => at <= 3300);
  const image = (name: string, neededForOnline = true) => ({
    image: `docker.io/${name}:1`,
    digest: `sha256:${"0".repeat(64)}`,
    services: [name.replace(/^.*\//, "")],
    totalBytes: 18e9,
    cachedBytes: 0,
    unpackedBytes: 45e9,
    neededForOnline,
    way: "registry" as const,
  });
  const names = ["library/postgres", "library/redis", "library/neo4j", "her-os/her-os-core"];
  const all = [...names.map((name) => image(name)), image("remsky/kokoro", false)];
  const progress = (name: string, phase: "downloading" | "unpacking", receivedBytes: number) =>
    ({
      type: "image.progress",
      image: `docker.io/${name}:1`,
      phase,
      receivedBytes,
      totalBytes: 18e9,
    }) as const;
  const ready = names.slice(0, 2).map(
    (name) =>
      ({
        type: "image.ready",
        image: `docker.io/${name}:1`,
        digest: image(name).digest,
      }) as const,
  );
  const containers = ["postgres", "redis"].map(
    (service) => ({ type: "container.changed", service, state: "starting" }) as const,
  );
  const pulling = ["neo4j", "her-os-core", "kokoro"].map(
    (service) => ({ type: "container.changed", service, state: "pulling" }) as const,
  );
  const speeds = begun.findLast((event) => event.type === "download.progress");
  if (speeds === undefined) throw new Error("no progress");
  const times = { bytesPerSecond: 100e6, etaSeconds: 720, onlineEtaSeconds: 175 };
  return fold([
    ...begun,
    ...all.map((each): TimedEvent => ({ v: 1, at: 3300, type: "image.planned", ...each })),
    ...[
      ...ready,
      progress("library/neo4j", "downloading", 18e9),
      progress("library/neo4j", "unpacking", 9e9),
      progress("her-os/her-os-core", "downloading", 9e9),
      ...containers,
      ...pulling,
    ].map((event): TimedEvent => ({ v: 1, at: 3300, ...event })),
    { ...speeds, ...times, at: 3300 },
  ]);
}

describe("a setup whose images are downloaded beside the models", () => {
  const rowsAt = (columns: number, rows: number): string[] =>
    texts(setupWithImages(), { columns, rows }).split("\n");

  test("at 80 by 24 shows both times, each image and model, the containers that start, and the keys", () => {
    const rows = rowsAt(80, 24);
    const places = [
      /Downloads {2}/,
      /^█+▓+░+ +\d+%$/,
      /^\d.*GB {3}100 MB\/s {3}Annie online in 2 min 55 s, everything in 12 min$/,
      /^\S+ neo4j +━+─ +9\.0\/18\.0 GB unpacking$/,
      /^\[↓\] her-os-core +━+─+ +9\.0\/18\.0 GB +starting$/,
      /Qwen3 Embedding 0\.6B/,
      /Qwen3 Reranker/,
      /^\[ \] kokoro +18\.0 GB +waiting$/,
      /Annie is waiting for neo4j \(unpacking\) and her-os-core \(downloading\)$/,
      /postgres +starting$/,
      /redis +starting$/,
      /^q: stop/,
    ].map((pattern) => rows.findIndex((row) => pattern.test(row)));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    // An image that comes is not told a second time by its container.
    expect(rows.filter((row) => /^\S+ +her-os-core/.test(row))).toHaveLength(1);
  });

  test("at 40 by 12 shows both times, what moves, Annie and the keys", () => {
    const rows = rowsAt(40, 12);
    expect(rows).toContainEqual("100 MB/s   online in 2 min 55 s, all in 12 min".slice(11));
    expect(rows).toContainEqual(expect.stringMatching(/neo4j +50% unpacking$/));
    expect(rows).toContainEqual(expect.stringContaining("Annie is waiting for 2 images"));
    expect(rows.at(-1)).toMatch(/^q: stop/);
  });

  test("an image that the stack builds has a row with the step that it is at", () => {
    const step = { type: "container.changed", service: "app", state: "building" } as const;
    const building = { v: 1, at: 3400, ...step, step: 2, steps: 4 } as const;
    const text = texts(reduce(setupWithImages(), building), { columns: 80, rows: 24 });
    expect(text).toMatch(/^\[.\] app +building its image, step 2 of 4$/m);
  });

  test("at 200 by 60 says how much of an image is unpacked, and leaves its bar open", () => {
    const [row = ""] = rowsAt(200, 60).filter((text) => text.includes("neo4j"));
    expect(row).toMatch(/━+─ +50% +9\.0\/18\.0 GB unpacking$/);
  });

  test("what is verified already is no reason to call it ready while Docker unpacks", () => {
    const finished = { type: "download.finished", fetchedBytes: 1, elapsedMs: 1 } as const;
    const state = reduce(setupWithImages(), { v: 1, at: 4000, ...finished });
    const text = texts(state, { columns: 80, rows: 24 });
    expect(text).not.toContain("ready (");
    expect(text).toMatch(/neo4j .* unpacking/);
  });
});

test("at 40 by 12 her address has a row, and at 60 by 15 what is left out is counted", () => {
  const state = fold(recording("fresh-setup").filter(({ at }) => at <= 7000));
  const small = texts(state, { columns: 40, rows: 12 });
  expect(small).toMatch(/^\[✓\] Annie is online\n {4}http:\/\/127\.0\.0\.1:8000\nq: stop/m);
  const wide = texts(state, { columns: 60, rows: 15 });
  expect(wide).toMatch(/^ {4}Soon {4}speech-to-text · text-to-speech · \+1$/m);
});

test("what is verified is a darker part of the bar", () => {
  const progress = manyModels(1);
  if (progress.type !== "download.progress") throw new Error("not progress");
  const bytes = { receivedBytes: 50, verifiedBytes: 25, totalBytes: 100 };
  const text = texts(fold([started, { ...progress, ...bytes }]), { columns: 46, rows: 24 });
  expect(text).toContain(`${"█".repeat(10)}${"▓".repeat(10)}${"░".repeat(20)}  50%`);
});

test("no time left is told beside a speed that says another", () => {
  const progress = manyModels(1);
  if (progress.type !== "download.progress") throw new Error("not progress");
  const told = { receivedBytes: 0, totalBytes: 80e6, etaSeconds: 80 };
  const at = (bytesPerSecond: number): string =>
    texts(fold([started, { ...progress, ...told, bytesPerSecond }]), { columns: 80, rows: 24 });
  expect(at(1e6)).toContain("1.00 MB/s   1 min 20 s left");
  expect(at(3e5)).toContain("300 kB/s");
  expect(at(3e5)).not.toContain("left");
});

test("titles that begin alike can be told apart where they are cut", () => {
  const state = setupWithContainers();
  const text = texts(state, { columns: 36, rows: 24 });
  expect(text).toMatch(/Qwen3 E\S*… 0\.6B/);
  expect(text).toMatch(/Qwen3 Embedding 8B|Qwen3 E\S*… 8B/);
});

test("only what was chosen is still awaited of Annie", () => {
  const capabilities = { memory_search: true, voice_stt: false, batch_embedding: false };
  const lines = [
    {
      type: "plan.ready",
      dryRun: false,
      tiers: [1, 2],
      models: [],
      capabilities: ["memory_search", "voice_stt"],
      totalBytes: 0,
      cachedBytes: 0,
      startup: "progressive",
      cacheDir: "/c",
      stackDir: "/s",
      endpoint: "https://hub.test",
      token: "none",
      files: [],
      services: [],
    },
    { type: "annie.health", status: "healthy", models: {}, capabilities },
  ].map((event, at) => JSON.stringify({ v: 1, at, ...event }));
  const state = fold([started, ...parseRecording(lines.join("\n"), "a record")]);
  expect(awaitedCapabilities(state)).toEqual([capabilityTitleIn(state, "voice_stt")]);
  expect(texts(state, { columns: 80, rows: 24 })).not.toContain(
    capabilityTitleIn(state, "batch_embedding"),
  );
});
