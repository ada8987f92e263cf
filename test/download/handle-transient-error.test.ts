import { expect, test } from "vitest";
import { type BlobTask, createOutage, type Outage } from "../../src/download/blob-task.ts";
import { createConnection } from "../../src/download/connection.ts";
import {
  closedServers,
  connectionsAllowed,
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
  task.lastByteMs = task.outage.lastByteMs = nowMs;
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
    outages: new Set([task.outage]),
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
  otherServers: readonly Outage[] = [],
) {
  const task = Object.assign(openFile(1, 100_000_000), file);
  Object.assign(task.outage, { attempts: failedBefore, lastByteMs });
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
    outages: new Set([task.outage, ...otherServers]),
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

test("where there is another server, what concerns all files of one is told of the file", () => {
  const slowDown = new TransientError("rate-limited", "slow down");
  const file = { attempts: 0, lastByteMs: nowMs };
  const other = createOutage();
  const { told, task } = handle(slowDown, file, nowMs, 0, [other]);
  expect(told).toMatchObject([{ scope: "file" }]);
  expect(task.outage.notBeforeMs).toBeGreaterThan(nowMs);
  expect(other).toEqual(createOutage());
});

test("a server that asked us to wait gets no connection meanwhile, and one that was gone a single one", () => {
  const waiting = openFile(1, 1e6);
  waiting.outage.notBeforeMs = nowMs + 1;
  const gone = openFile(1, 1e6);
  gone.outage.attempts = 1;
  const sound = openFile(1, 1e6);
  const outages = [waiting, gone, sound].map(({ outage }) => outage);
  const closed = (...busy: BlobTask[]) =>
    closedServers(outages, new Set(busy.map((task) => createConnection(task, 0))), nowMs);
  expect([...closed(sound)]).toEqual([waiting.outage]);
  expect([...closed(gone, sound)]).toEqual([waiting.outage, gone.outage]);
  waiting.outage.pausedUntilMs = [nowMs - 1, nowMs + 1];
  expect(connectionsAllowed(outages, 8, nowMs)).toBe(7);
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
