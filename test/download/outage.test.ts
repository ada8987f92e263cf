import { beforeAll, describe, expect, test } from "vitest";
import type { TimedEvent } from "../../src/run/event.ts";
import { initialState, reduce } from "../../src/run/state/state.ts";
import { createAccessibleWriter } from "../../src/ui/accessible/writer.ts";
import { liveScreen } from "../../src/ui/ink/live/screen.ts";
import { createTheme } from "../../src/ui/ink/theme.ts";
import { createPlainWriter } from "../../src/ui/plain/writer.ts";
import { noRunKeys, type Writer } from "../../src/ui/writer.ts";
import { createMemoryTerminal } from "../terminal/memory-terminal.ts";
import { model, openScene, quickHost } from "./scene.ts";

const repo = "org/model";
const sizeBytes = 6_000_000;
/** The host's clock runs so much faster. */
const haste = 120;
/** A moment of a busy machine, by that clock. */
const momentMs = 4000;
const outageMs = 3 * 60_000;

/** The events of a pull whose network is gone for three minutes in the middle. */
async function recordOutage() {
  await using scene = await openScene({
    repos: [{ id: repo, files: [{ path: "model.safetensors", sizeBytes }] }],
  });
  const host = quickHost(haste);
  const beganMs = host.clock.monotonicMs();
  let goneMs: number | null = null;
  let asked = 0;
  scene.served.setIntercept(({ origin }) => {
    const nowMs = host.clock.monotonicMs();
    if (origin === "content" && (asked += 1) === 8) goneMs = nowMs;
    return goneMs !== null && nowMs < goneMs + outageMs ? { reset: true } : undefined;
  });
  const started: TimedEvent = {
    v: 1,
    at: 0,
    type: "run.started",
    command: "pull",
    herosVersion: "0",
    demo: false,
    stages: ["download"],
  };
  const told: TimedEvent[] = [started];
  await scene.pull([model("m", repo)], {
    host,
    hub: scene.hub({ host }),
    tuning: { tickMs: 5 * haste, idleMs: 3000 * haste, syncMs: 1000 * haste },
    onEvent: (event) =>
      void told.push({ v: 1, at: Math.round(host.clock.monotonicMs() - beganMs), ...event }),
  });
  return { told, overMs: (goneMs ?? Number.NaN) + outageMs - beganMs };
}

let events: TimedEvent[] = [];
let overMs = 0;
beforeAll(async () => {
  ({ told: events, overMs } = await recordOutage());
});

const retries = () => events.filter((event) => event.type === "download.retrying");

/** The words of a writer for the whole run. */
async function saidBy(
  create: (terminal: ReturnType<typeof createMemoryTerminal>["terminal"]) => Writer,
) {
  const memory = createMemoryTerminal({ isTty: false });
  const writer = create(memory.terminal);
  for (const event of events) writer.write(event);
  await writer.close();
  return memory.stdout();
}

describe("an outage of minutes", () => {
  test("is probed every few seconds, and nothing comes twice", () => {
    const delays = retries().map(({ delayMs }) => delayMs);
    expect(Math.max(...delays)).toBeGreaterThan(2000);
    expect(Math.max(...delays)).toBeLessThanOrEqual(5000);
    const last = retries().at(-1);
    expect((last?.at ?? 0) + (last?.delayMs ?? 0)).toBeGreaterThan(overMs - momentMs);
    // Once it is sure that nothing comes over any connection, each says when the next attempt is, and it comes then.
    const sure = retries().filter(({ delayMs }) => delayMs > 2000);
    const times = sure.map(({ at, delayMs }) => [at, at + delayMs] as const);
    for (const [index, [, until]] of times.slice(0, -1).entries()) {
      expect(times[index + 1]?.[0]).toBeGreaterThan(until - momentMs);
    }
    expect(events.filter(({ type }) => type === "model.ready")).toHaveLength(1);
    const finished = events.find((event) => event.type === "download.finished");
    expect(finished?.fetchedBytes).toBe(sizeBytes);
  });

  test("is counted down on the screen, whose speed has fallen to nothing", () => {
    const longest = retries().toSorted((a, b) => b.delayMs - a.delayMs)[0];
    const before = events.slice(0, events.findIndex((event) => event === longest) + 1);
    const state = before.reduce(reduce, initialState);
    expect(state.download.bytesPerSecond).toBe(0);
    expect(state.download.etaSeconds).toBeNull();
    const [at, delayMs] = [longest?.at ?? 0, longest?.delayMs ?? 0];
    const theme = createTheme({ color: false, unicode: true });
    const shown = Array.from({ length: Math.ceil(delayMs / 1000) }, (_, second) => {
      const elapsedMs = at + second * 1000;
      const size = { columns: 100, rows: 24 };
      const view = { state, size, theme, tick: 0, elapsedMs, keys: noRunKeys };
      const rows = liveScreen(view).map((line) => line.map(({ text }) => text).join(""));
      const row = rows.find((text) => text.includes("retrying in"));
      return Number(/the connection was cut, retrying in (\d+) s/u.exec(row ?? "")?.[1]);
    });
    const seconds = Math.ceil(delayMs / 1000);
    expect(shown).toEqual(Array.from({ length: seconds }, (_, second) => seconds - second));
  });

  test.each([
    ["plain", createPlainWriter],
    ["accessible", createAccessibleWriter],
  ])("is told by the %s writer, a line an attempt", async (_, create) => {
    const said = await saidBy(create);
    const lines = said.split("\n").filter((line) => line.includes("(attempt "));
    const waits = retries().filter(({ scope }) => scope !== "lane");
    expect(lines).toHaveLength(waits.length);
    expect(lines[0]).toMatch(
      /model\.safetensors: the connection was cut\. Retrying in \d+ s \(attempt \d+\)\.$/u,
    );
    expect(lines.some((line) => /Retrying in [3-5] s \(attempt \d+\)\.$/u.test(line))).toBe(true);
    expect(said).toContain("downloaded and verified");
  });
});
