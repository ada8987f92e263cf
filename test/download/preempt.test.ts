import { expect, test } from "vitest";
import type { BlobTask, Outage } from "../../src/download/blob-task.ts";
import { connectionsToPreempt } from "../../src/download/schedule.ts";
import {
  createConnection,
  type Connection,
  ConnectionReassigned,
} from "../../src/download/connection.ts";
import type { RecordedRequest } from "../../src/demo/hub/exchange.ts";
import { openFile } from "./open-file.ts";
import { model, openScene } from "./scene.ts";

const mebibyte = 1024 * 1024;

/** A connection that has run for two seconds, at a megabyte a second. */
function connectionAt(task: BlobTask, bytes: number): Connection {
  const connection = createConnection(task, 0);
  connection.segment = task.open?.segments.take(bytes) ?? null;
  connection.receivedBytes = 2e6;
  return connection;
}

const nowMs = 2000;
const closed = new Set<Outage>();

test("lanes of the latest tier give way to a lower tier's work, as many as it is worth", () => {
  const [first, second, third] = [
    openFile(1, 6 * mebibyte),
    openFile(2, 1e9),
    openFile(3, 1e9),
  ] as const;
  const connections = [second, third, third, third].map((task) =>
    connectionAt(task, 32 * mebibyte),
  );
  const tasks = [first, second, third];
  const moved = connectionsToPreempt({ tasks, connections, closed, nowMs });
  expect(moved.map(({ task }) => task.blob.priority)).toEqual([3, 3]);
  moved[0]?.stop.abort(new ConnectionReassigned("test"));
  expect(connectionsToPreempt({ tasks, connections, closed, nowMs })).toHaveLength(1);
});

test("nobody gives way to work that is on its way, must wait, or is of their own tier, nor on their last second", () => {
  const [first, third] = [openFile(1, 6 * mebibyte), openFile(3, 1e9)] as const;
  const tasks = [first, third];
  const long = [connectionAt(third, 32 * mebibyte)];
  first.notBeforeMs = nowMs + 1;
  expect(connectionsToPreempt({ tasks, connections: long, closed, nowMs })).toEqual([]);
  first.notBeforeMs = 0;
  expect(
    connectionsToPreempt({ tasks, connections: [connectionAt(third, 900_000)], closed, nowMs }),
  ).toEqual([]);
  expect(
    connectionsToPreempt({ tasks, connections: [connectionAt(third, 1_100_000)], closed, nowMs }),
  ).toHaveLength(1);
  expect(connectionsToPreempt({ tasks, connections: long, closed, nowMs })).toHaveLength(1);
  first.open?.segments.take(6 * mebibyte);
  expect(connectionsToPreempt({ tasks, connections: long, closed, nowMs })).toEqual([]);
});

test("tier 1 that proves damaged is fetched again before the rest of tier 3", async () => {
  const sizeBytes = 1_000_000;
  let damaged = false;
  const spoilOnce = ({ file, method }: RecordedRequest) => {
    if (file?.repo !== "o/first" || method !== "GET" || damaged) return undefined;
    damaged = true;
    return { garbage: { start: 0, end: sizeBytes } };
  };
  await using scene = await openScene({
    repos: [
      { id: "o/first", files: [{ path: "model.safetensors", sizeBytes }] },
      { id: "o/third", files: [{ path: "model.safetensors", sizeBytes: 8_000_000 }] },
    ],
    throttle: { bytesPerSecondPerConnection: 1_500_000 },
    intercept: (request) => (request.origin === "content" ? spoilOnce(request) : undefined),
  });
  await scene.pull([model("first", "o/first"), model("third", "o/third", { priority: 3 })], {
    maxConnections: 2,
    tuning: { maxSegmentBytes: 4_000_000, minSegmentBytes: 4_000_000 },
  });
  expect(scene.of("download.retrying")).toHaveLength(1);
  expect(scene.of("model.ready").map(({ id }) => id)).toEqual(["first", "third"]);
  const cut = scene.served.requests.filter(
    ({ file, origin, range, sentBytes }) =>
      origin === "content" &&
      file?.repo === "o/third" &&
      range !== null &&
      sentBytes < range.end - range.start,
  );
  expect(cut.length).toBeGreaterThan(0);
});

test("for a file that comes as a whole one connection stops, and none where one is at it", () => {
  const [first, third] = [openFile(1, 40 * mebibyte), openFile(3, 1e9)] as const;
  first.whole = true;
  const connections = [third, third, third].map((task) => connectionAt(task, 32 * mebibyte));
  const tasks = [first, third];
  expect(connectionsToPreempt({ tasks, connections, closed, nowMs })).toHaveLength(1);
  first.open?.segments.take(40 * mebibyte);
  expect(connectionsToPreempt({ tasks, connections, closed, nowMs })).toEqual([]);
});
