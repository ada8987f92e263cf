import { expect, test } from "vitest";
import {
  type Connection,
  createConnection,
  speedOf,
  watchConnections,
} from "../../src/download/connection.ts";
import { openFile } from "./open-file.ts";

const task = openFile(1, 100_000_000);

/** Asked at 0; `receivedBytes` until now. */
function connectionWith(receivedBytes: number, nowMs: number): Connection {
  const connection = createConnection(task, 0);
  connection.segment = { start: 0, at: receivedBytes, end: 10_000_000 };
  connection.receivedBytes = receivedBytes;
  if (receivedBytes > 0) connection.lastByteMs = nowMs;
  return connection;
}

/** Which of these connections are cut. */
function cut(received: readonly number[], nowMs: number, changes = {}): boolean[] {
  const connections = received.map((bytes) => connectionWith(bytes, nowMs));
  watchConnections(connections, {
    idleMs: 10_000,
    nowMs,
    ended: [],
    spare: 0,
    fewerSinceMs: Number.NEGATIVE_INFINITY,
    waitMs: 500,
    isServed: () => true,
    ...changes,
  });
  return connections.map(({ stop }) => stop.signal.aborted);
}

test("lanes without a byte that are more than are worth having are given up, while others are served", () => {
  const received = [1_000_000, 1_000_000, 0, 0, 0];
  expect(cut(received, 600, { spare: 2 })).toEqual([false, false, true, true, false]);
  expect(cut(received, 600)).toEqual(received.map(() => false));
  // The two that were served before have ended; the three are no more than there may be.
  expect(cut(received, 600, { fewerSinceMs: 300 })).toEqual([false, false, true, true, true]);
  expect(cut(received, 600, { fewerSinceMs: -1 })).toEqual(received.map(() => false));
  expect(cut(received, 400, { spare: 2 })).toEqual(received.map(() => false));
  expect(cut(received, 600, { spare: 2, isServed: () => false })).toEqual(
    received.map(() => false),
  );
});

test("one that never had a byte is waited for half as long where others of its file have, or as long as answers take", () => {
  expect(cut([1_000_000, 0], 5500)).toEqual([false, true]);
  expect(cut([1_000_000, 0], 5500, { isServed: () => false })).toEqual([false, false]);
  expect(cut([1_000_000, 0], 5500, { waitMs: 3000 })).toEqual([false, false]);
  expect(cut([1_000_000, 0], 10_500, { waitMs: 30_000 })).toEqual([false, true]);
});

test("one that was passed over asks again once the others are done, and then waits", () => {
  const alone = (lastByteMs: number | null): boolean[] => {
    task.lastByteMs = lastByteMs;
    return cut([0], 4500, { isServed: () => false });
  };
  expect(alone(1000)).toEqual([true]);
  expect(alone(2000)).toEqual([false]);
  // It asked after their last byte.
  expect(alone(-100)).toEqual([false]);
  expect(alone(null)).toEqual([false]);
});

test("a connection has a speed once a byte of it came, and some time passed", () => {
  expect(speedOf(connectionWith(0, 2000), 2000)).toBeNull();
  expect(speedOf(connectionWith(5000, 0), 0)).toBeNull();
  expect(speedOf(connectionWith(5000, 2000), 2000)).toBe(2500);
  expect(speedOf(connectionWith(1, 1), 1)).toBe(1000);
});
