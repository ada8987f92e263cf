import { expect, test } from "vitest";
import { createConnection } from "../../src/download/connection.ts";
import {
  createGapFinder,
  handleTransientError,
} from "../../src/download/handle-transient-error.ts";
import { usualTuning } from "../../src/download/tuning.ts";
import { TransientError } from "../../src/source/retry-policy.ts";
import { openFile } from "./open-file.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { quickHost } from "./scene.ts";

const silence = Object.assign(new Error("silence"), { code: "ETIMEDOUT" });

test.each<[string, TransientError]>([
  ["lets wait", new TransientError("network", "no byte came", null, silence)],
  ["refuses", new TransientError("refused", "403")],
])("of eight connections of which a server %s four, four stay, at once", (_how, trouble) => {
  const nowMs = 100_000;
  const task = openFile(1, 100_000_000);
  task.lastByteMs = nowMs;
  const host = { ...quickHost(), clock: { ...quickHost().clock, monotonicMs: () => nowMs } };
  const connections = new Set(
    Array.from({ length: 8 }, () => createConnection(task, nowMs - 5000)),
  );
  const silent = [...connections].slice(4);
  for (const connection of connections)
    if (!silent.includes(connection)) connection.receivedBytes = 1_000_000;
  const limits: number[] = [];
  const scene = {
    host,
    emit: () => {},
    tuning: usualTuning,
    source: { failureOf: (error: unknown) => error },
    store: { failureOf: (error: unknown) => error },
    outage: { notBeforeMs: 0, pausedUntilMs: [], attempts: 0, lastByteMs: nowMs, sinceMs: null },
    connections,
    connectionCount: { shrink: () => {}, limit: (most: number) => void limits.push(most) },
  };
  // They are told one after the other, before the first has left.
  for (const connection of silent) handleTransientError(scene, connection, trouble);
  expect(Math.min(...limits)).toBe(4);
});

const nowMs = 100_000;

/** What is made of a failure of a connection that asked ten seconds ago. */
function handle(
  trouble: TransientError,
  file: {
    readonly attempts: number;
    readonly lastByteMs: number | null;
    readonly failingSinceMs?: number;
  },
  lastByteMs: number,
  failedBefore = 0,
) {
  const task = Object.assign(openFile(1, 100_000_000), file);
  const host = { ...quickHost(), clock: { ...quickHost().clock, monotonicMs: () => nowMs } };
  const connection = createConnection(task, nowMs - 10_000);
  const told: HerosEvent[] = [];
  const limits: number[] = [];
  const scene = {
    host,
    emit: (event: HerosEvent) => void told.push(event),
    tuning: usualTuning,
    source: { failureOf: (error: unknown) => error },
    store: { failureOf: (error: unknown) => error },
    outage: {
      notBeforeMs: 0,
      pausedUntilMs: [],
      attempts: failedBefore,
      lastByteMs,
      sinceMs: null,
    },
    connections: new Set([connection]),
    connectionCount: { shrink: () => {}, limit: (most: number) => void limits.push(most) },
  };
  handleTransientError(scene, connection, trouble);
  return { told, limits, task };
}

/** Nothing came of any file for long. */
const delayAfter = (trouble: TransientError) =>
  handle(trouble, { attempts: 9, lastByteMs: null }, 0).told;

/** Bytes of other files come. */
const limitsAfter = (trouble: TransientError, file: Parameters<typeof handle>[1]) =>
  handle(trouble, file, nowMs).limits;

test("silence was a wait already, what a server asks for was not", () => {
  const silent = new TransientError("network", "no byte came", null, silence);
  expect(delayAfter(silent)).toMatchObject([{ delayMs: 500, scope: "all", attempt: 10 }]);
  const wait = { ms: 30_000, until: new Date(0) };
  const asked = new TransientError("rate-limited", "slow down", wait);
  expect(delayAfter(asked)).toMatchObject([{ delayMs: 30_000, scope: "all" }]);
});

test("a connection that is refused is one too many once, while nothing comes of its file", () => {
  const refused = new TransientError("refused", "403");
  expect(limitsAfter(refused, { attempts: 0, lastByteMs: null })).toEqual([1]);
  expect(limitsAfter(refused, { attempts: 1, lastByteMs: null })).toEqual([]);
  expect(limitsAfter(refused, { attempts: 1, lastByteMs: nowMs - 5000 })).toEqual([]);
  expect(limitsAfter(refused, { attempts: 1, lastByteMs: nowMs - 1000 })).toEqual([1]);
});

test("what concerns all is counted for all, what concerns one file for that one", () => {
  const cut = new TransientError("network", "cut");
  const file = { attempts: 1, lastByteMs: null };
  expect(handle(cut, file, 0, 6).told).toMatchObject([{ scope: "all", attempt: 7 }]);
  expect(handle(cut, { ...file, attempts: 8 }, 0, 6).told).toMatchObject([{ attempt: 9 }]);
  expect(handle(cut, file, nowMs, 6).told).toMatchObject([{ scope: "file", attempt: 2 }]);
});

test("a file waits as a whole after four failures in a row, before that its connection alone", () => {
  const cut = new TransientError("network", "cut");
  const waits = (attempts: number) =>
    handle(cut, { attempts, lastByteMs: null }, nowMs).task.notBeforeMs > nowMs;
  expect([0, 1, 2, 3].map(waits)).toEqual([false, false, false, true]);
});

test("a file that fails for ten minutes is given up", () => {
  const cut = new TransientError("network", "cut");
  const after = (failingMs: number) =>
    handle(cut, { attempts: 9, lastByteMs: null, failingSinceMs: nowMs - failingMs }, nowMs);
  expect(after(599_900).told).toMatchObject([{ delayMs: 100 }]);
  expect(() => after(600_000)).toThrow(cut);
});

test("a tick that comes more than a second late is a gap, in which nobody was silent", () => {
  const gapMs = createGapFinder(100, 0);
  expect([100, 1200, 2301, 2401].map(gapMs)).toEqual([0, 0, 1001, 0]);
});
