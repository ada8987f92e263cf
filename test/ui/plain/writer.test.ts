import { expect, test } from "vitest";
import type { HerosEvent, TimedEvent } from "../../../src/run/event.ts";
import { createAccessibleWriter } from "../../../src/ui/accessible/writer.ts";
import { foldText } from "../../../src/ui/text-width.ts";
import { createPlainWriter } from "../../../src/ui/plain/writer.ts";
import type { Terminal } from "../../../src/ui/writer.ts";
import { recording } from "../recordings.ts";
import { createMemoryTerminal } from "../../terminal/memory-terminal.ts";

async function plainLines(
  events: readonly TimedEvent[],
  verbosity: Terminal["verbosity"] = "normal",
): Promise<string[]> {
  const memory = createMemoryTerminal({ isTty: false, verbosity });
  const writer = createPlainWriter(memory.terminal);
  for (const event of events) writer.write(event);
  await writer.close();
  return memory.stdout().split("\n").slice(0, -1);
}

function progress(at: number, receivedBytes: number): TimedEvent {
  return {
    v: 1,
    at,
    type: "download.progress",
    receivedBytes,
    verifiedBytes: 0,
    totalBytes: 1_000_000_000,
    bytesPerSecond: 10_000_000,
    etaSeconds: null,
    lanes: 1,
    models: [],
  };
}

test("a line comes with each further tenth", async () => {
  const events = Array.from({ length: 101 }, (_, index) =>
    progress(index * 200, index * 10_000_000),
  );
  const lines = await plainLines(events);
  expect(lines.length).toBe(10);
  expect(lines[0]).toBe("Models: 100 MB of 1.00 GB (10%), 10.0 MB/s");
  expect(lines.at(-1)).toBe("Models: 1.00 GB of 1.00 GB (100%)");
});

test("checks are told in the order of their table, each once all before it are known", async () => {
  const ids = ["cpu", "gpu", "docker"];
  const started = ids.map((id): TimedEvent => ({
    v: 1,
    at: 0,
    type: "check.started",
    id,
    title: id,
  }));
  const finished = ["docker", "cpu", "gpu"].map((id): TimedEvent => ({
    v: 1,
    at: 1,
    type: "check.finished",
    id,
    title: id,
    status: "failed",
    found: "broken",
    elapsedMs: 1,
  }));
  expect(await plainLines([...started, ...finished.slice(0, 1)])).toEqual([]);
  expect(await plainLines([...started, ...finished.slice(0, 2)])).toEqual(["[✗] cpu: broken"]);
  const all = await plainLines([...started, ...finished]);
  expect(all).toEqual(ids.map((id) => `[✗] ${id}: broken`));
});

test("an upgrade downloads no models", async () => {
  const started = { type: "run.started", command: "upgrade", herosVersion: "1.0.0" } as const;
  const events = [0, 200_000_000].map((bytes, index) => progress(index * 200, bytes));
  const first: TimedEvent = { v: 1, at: 0, ...started, demo: false, stages: [] };
  const lines = await plainLines([first, ...events]);
  expect(lines.at(-1)).toBe("Downloaded: 200 MB of 1.00 GB (20%), 10.0 MB/s");

  const memory = createMemoryTerminal({ isTty: false, verbosity: "normal" });
  const accessible = createAccessibleWriter(memory.terminal);
  for (const event of [first, progress(0, 0), progress(11_000, 200_000_000)]) {
    accessible.write(event);
  }
  await accessible.close();
  expect(memory.stdout()).toContain("20 percent of the release downloaded");
});

test("a line comes every 30 seconds where the tenths are far apart", async () => {
  const events = Array.from({ length: 601 }, (_, index) => progress(index * 200, 1000 + index));
  expect((await plainLines(events)).length).toBe(4);
});

test.each(["pull-with-retries", "fresh-setup"])(
  "no file has a line of its own unless all is to be told: %s",
  async (name) => {
    const events = recording(name);
    const files = events.flatMap((event) => (event.type === "file.verified" ? [event.path] : []));
    const told = (lines: readonly string[]) =>
      files.filter((path) => lines.some((line) => line.includes(`/${path}, `))).length;
    expect(files.length).toBeGreaterThan(20);
    expect(told(await plainLines(events))).toBe(0);
    expect(told(await plainLines(events, "verbose"))).toBe(files.length);
  },
);

test.each([40, 80])(
  "a terminal of %i columns gets lines that fit, a pipe gets them whole",
  async (columns) => {
    const model = {
      id: "qwen3-embedding-0.6b",
      title: "Qwen3 Embedding 0.6B",
      tier: 1,
      purpose: "Names, places and dates in what you say",
      repo: "a/b",
      state: "missing",
      totalBytes: 1_200_000_000,
      receivedBytes: 0,
      path: null,
    } as const;
    const listed: TimedEvent = {
      v: 1,
      at: 0,
      type: "models.listed",
      cacheDir: "/cache",
      models: [model],
    };
    const shown = async (isTty: boolean) => {
      const memory = createMemoryTerminal({ isTty, columns });
      const writer = createPlainWriter(memory.terminal, foldText);
      writer.write(listed);
      await writer.close();
      return memory.stdout().trimEnd().split("\n");
    };
    const [whole, folded] = [await shown(false), await shown(true)];
    expect(whole).toHaveLength(2);
    expect(Math.max(...folded.map(({ length }) => length))).toBeLessThanOrEqual(columns);
    expect(folded.join(" ").split(/ +/)).toEqual(whole.join(" ").split(/ +/));
  },
);

test("progress and questions are folded as sentences are", async () => {
  const memory = createMemoryTerminal({ columns: 40 });
  const writer = createPlainWriter(memory.terminal, foldText);
  writer.write(progress(0, 0));
  writer.write(progress(9000, 500_000_000));
  const details = [
    "Still running: heros pull in the background (PID 20923). Stop it with: kill 20923",
  ];
  const confirmation = { question: "Remove heros 0.1.0?", details };
  const answer = writer.confirm?.(confirmation, new AbortController().signal);
  memory.type("y\n");
  expect(await answer).toBe(true);
  await writer.close();
  expect(memory.stdout().trimEnd().split("\n")).toEqual([
    "Models: 500 MB of 1.00 GB (50%), 10.0",
    "    MB/s",
    "    Still running: heros pull in the",
    "      background (PID 20923). Stop it",
    "      with: kill 20923",
    "Remove heros 0.1.0? Type y for yes and",
    "  press Enter. Enter alone means no.",
  ]);
});

test("escape sequences in a container's log do not get through", async () => {
  const failed: TimedEvent = {
    v: 1,
    at: 1,
    type: "container.failed",
    service: "core",
    state: "exited",
    exitCode: 1,
    logLines: ["\u001b[31mred\u001b[0m\u0007 \u001b]0;title\u0007line\r\nnext"],
  };
  const memory = createMemoryTerminal({ isTty: false });
  const writer = createPlainWriter(memory.terminal);
  writer.write(failed);
  await writer.close();
  // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
  expect(memory.stderr()).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  expect(memory.stderr()).toMatch(/red +line next/);
});

test("quiet tells failed checks, Annie online and the end, and no progress", async () => {
  const said: readonly HerosEvent[] = [
    { type: "stage.started", stage: "machine" },
    { type: "check.finished", id: "a", title: "A", status: "ok", found: "fine", elapsedMs: 1 },
    { type: "check.finished", id: "b", title: "B", status: "failed", found: "bad", elapsedMs: 1 },
    { type: "annie.online", elapsedMs: 2000, url: "http://127.0.0.1:8000" },
    { type: "run.succeeded", command: "setup", elapsedMs: 3000, summary: [] },
  ];
  const events = said.map((event, at): TimedEvent => ({ v: 1, at, ...event }));
  const lines = await plainLines([progress(0, 0), progress(1, 900_000_000), ...events], "quiet");
  expect(lines).toEqual([
    "[✗] B: bad",
    "[✓] The assistant is online at http://127.0.0.1:8000 after 2 s.",
    "[✓] The assistant is online (2 s)",
  ]);
});

test("verbose tells more than normal", async () => {
  const events: TimedEvent[] = [
    { v: 1, at: 0, type: "stack.command", command: "docker compose up -d" },
    { v: 1, at: 1, type: "file.written", path: "/s/.env", action: "unchanged" },
  ];
  expect(await plainLines(events)).toEqual([]);
  expect(await plainLines(events, "verbose")).toEqual([
    "Running: docker compose up -d",
    "Unchanged: /s/.env",
  ]);
});

test("Annie's health is told when her status changes, not with each model's percent", async () => {
  const health = (at: number, status: string, percent: string): TimedEvent => ({
    v: 1,
    at,
    type: "annie.health",
    status,
    capabilities: {},
    models: { whisper: { status: "downloading", progress: percent } },
  });
  const events = [
    health(1, "starting", "1%"),
    health(2, "starting", "2%"),
    health(3, "healthy", "3%"),
    health(4, "healthy", "4%"),
  ];
  expect(await plainLines(events)).toEqual([
    "The assistant is starting.",
    "The assistant is healthy.",
  ]);
});

test("without UTF-8 our own typography is ASCII, and a folder's name stays as it is", async () => {
  const memory = createMemoryTerminal({ isTty: false, unicode: false });
  const writer = createPlainWriter(memory.terminal);
  const found = "10 × Cortex-X925 — see docs…";
  const check = { type: "check.finished", id: "cpu", title: "Processor", elapsedMs: 1 } as const;
  writer.write({ v: 1, at: 0, ...check, status: "warning", found });
  writer.write({ v: 1, at: 1, type: "file.written", path: "/home/jürgen/.env", action: "created" });
  await writer.close();
  expect(memory.stdout()).toBe(
    "[ !] Processor: 10 x Cortex-X925 - see docs...\nCreated: /home/jürgen/.env\n",
  );
});

const pulling: TimedEvent = {
  v: 1,
  at: 1,
  type: "container.changed",
  service: "kokoro",
  state: "pulling",
};

test("a pause says what is not paused: the images that Docker downloads meanwhile", async () => {
  const paused: TimedEvent = { v: 1, at: 2, type: "download.paused" };
  expect((await plainLines([pulling, paused])).at(-1)).toMatch(/paused.*kokoro/);
  const fetched: TimedEvent = { ...pulling, state: "created" };
  expect((await plainLines([pulling, fetched, paused])).at(-1)).not.toContain("kokoro");
});

test("how far an image is stands in no line, but that nothing is heard of it does", async () => {
  const moving: TimedEvent = { ...pulling, receivedBytes: 1e9, totalBytes: 2e9 };
  const silent: TimedEvent = { ...pulling, silentMs: 30_000, registry: "ghcr.io" };
  const unanswered: TimedEvent = { ...silent, unanswered: true };
  expect((await plainLines([pulling, moving])).length).toBe(1);
  const [, ...told] = await plainLines([pulling, silent, unanswered]);
  expect(told).toEqual([
    expect.stringContaining("30 s so far, from ghcr.io"),
    expect.stringContaining("nothing from ghcr.io for 30 s"),
  ]);
});

test("an image is told once, however often a record of before says that it is pulled", async () => {
  const events = [1, 2, 3].map((at): TimedEvent => ({ ...pulling, at }));
  expect(await plainLines(events)).toEqual(["kokoro: downloading its image."]);
  const again: TimedEvent = { ...pulling, at: 5 };
  const created: TimedEvent = { ...pulling, at: 4, state: "created" };
  expect((await plainLines([...events, created, again])).length).toBe(2);
});

test("what another program downloads is a line a model, and a line a file where all is told", async () => {
  const blocked = { v: 1, type: "download.blocked", model: "whisper", repo: "o/whisper" } as const;
  const events = ["a.json", "b.bin", "b.bin"].map((path, at): TimedEvent => ({
    ...blocked,
    at,
    path,
    holder: "heros, process 7",
  }));
  expect(await plainLines(events)).toEqual([
    "Waiting for whisper: heros, process 7 is downloading it.",
  ]);
  expect(await plainLines(events, "verbose")).toHaveLength(3);
});

test("progress that says nothing new is not told again", async () => {
  const still = Array.from({ length: 400 }, (_, second) => progress(second * 1000, 150_000_000));
  expect(await plainLines([progress(0, 0), ...still])).toHaveLength(1);
});

test.each([
  ["setup", []],
  ["doctor", ["[✓] Memory: enough"]],
] as const)("checks that pass are listed by heros doctor: %s", async (command, told) => {
  const passed = { id: "memory", title: "Memory", status: "ok", found: "enough" } as const;
  const started = { herosVersion: "1", demo: false, stages: [] };
  const other = { ...passed, id: "disk", status: "warning" } as const;
  const [, ...lines] = await plainLines([
    { v: 1, at: 0, type: "run.started", command, ...started },
    { v: 1, at: 1, type: "check.finished", ...passed, elapsedMs: 1 },
    { v: 1, at: 2, type: "check.finished", ...other, elapsedMs: 1 },
  ]);
  expect(lines).toEqual([...told, "[!] Memory: enough"]);
});

test("a connection that is retried while the others continue is told where all is told", async () => {
  const retrying = { v: 1, at: 1, type: "download.retrying", repo: "o/m", path: "a.bin" } as const;
  const why = { reason: "the connection was cut", attempt: 1, delayMs: 1000 };
  const events: TimedEvent[] = [
    { ...retrying, ...why, scope: "lane" },
    { ...retrying, ...why, scope: "file" },
  ];
  expect(await plainLines(events)).toEqual([
    "o/m/a.bin: the connection was cut. Retrying in 1 s (attempt 2).",
  ]);
  expect(await plainLines(events, "verbose")).toHaveLength(2);
});
