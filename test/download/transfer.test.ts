import { expect, test } from "vitest";
import { createConnection } from "../../src/download/connection.ts";
import { createDiskSpeed } from "../../src/download/bandwidth.ts";
import { createBufferPool, createTransfer } from "../../src/download/transfer.ts";
import { usualTuning } from "../../src/download/tuning.ts";
import { openFile } from "./open-file.ts";

/** Bytes come to a connection that asked at `startedMs`, in an outage since 1000. */
function countAt(startedMs: number, bytes = 1, sinceMs: number | null = 1000) {
  const task = openFile(1, 1e6);
  const { outage } = task;
  Object.assign(outage, { attempts: 3, sinceMs });
  task.attempts = 2;
  task.failingSinceMs = 500;
  const connection = createConnection(task, startedMs);
  connection.segment = { start: 0, at: bytes, end: 1e6 };
  const transfer = createTransfer({
    allBytes: 1e6,
    tuning: usualTuning,
    rateCap: null,
    maxConnections: 8,
    disk: createDiskSpeed(),
    nowMs: () => 2000,
  });
  transfer.count(connection, { bytes, newBytes: bytes }, 2000);
  return { outage, task, connection, transfer };
}

test("bytes end the wait for them; the outage ends with those that were asked for in it", () => {
  expect(countAt(1500).outage).toMatchObject({ attempts: 0, lastByteMs: 2000, sinceMs: null });
  expect(countAt(900).outage).toMatchObject({ attempts: 0, lastByteMs: 2000, sinceMs: 1000 });
  expect(countAt(900, 1, null).outage.sinceMs).toBeNull();
});

test("a file's failures are forgotten after as many bytes as say that its server serves it", () => {
  expect(countAt(1500, 16 * 1024 - 1).task).toMatchObject({ attempts: 2, failingSinceMs: 500 });
  expect(countAt(1500, 16 * 1024).task).toMatchObject({ attempts: 0, failingSinceMs: null });
  // All that was asked for.
  expect(countAt(1500, 1e6).task).toMatchObject({ attempts: 0, failingSinceMs: null });
});

test("a buffer goes round once nobody holds it any more", () => {
  const pool = createBufferPool(16);
  const buffer = pool.take();
  buffer.hold();
  buffer.release();
  const other = pool.take();
  expect(other.bytes).not.toBe(buffer.bytes);
  buffer.release();
  expect(pool.take().bytes).toBe(buffer.bytes);
});
