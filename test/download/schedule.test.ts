import { expect, test } from "vitest";
import type { BlobTask, Outage } from "../../src/download/blob-task.ts";
import { budgetFor, createLink, type Link } from "../../src/download/bandwidth.ts";
import { chooseWork } from "../../src/download/schedule.ts";
import { createConnection, type Connection } from "../../src/download/connection.ts";
import { usualTuning } from "../../src/download/tuning.ts";
import { openFile } from "./open-file.ts";

const mebibyte = 1024 * 1024;
const closed = new Set<Outage>();

/** Asks for work with all connections of a link, and tells how long each segment is. */
function ask(tasks: readonly BlobTask[], width: number, link: Link = createLink()) {
  const budget = budgetFor(
    tasks.reduce((sum, { blob }) => sum + blob.sizeBytes, 0),
    usualTuning,
  );
  const connections = new Set<Connection>();
  for (let count = 0; count < width; count += 1) {
    const choice = {
      tasks,
      connections,
      closed,
      width,
      nowMs: 10_000,
      link,
      budget,
      tuning: usualTuning,
    };
    const work = chooseWork(choice);
    if (work === null) break;
    const connection = createConnection(work.task, 10_000);
    connection.segment = work.segment;
    connections.add(connection);
  }
  return [...connections].map(({ task, segment }) => ({
    priority: task.blob.priority,
    bytes: segment === null ? 0 : segment.end - segment.at,
  }));
}

function linkOf(
  roundTripMs: number,
  bytesPerSecondPerConnection: number,
  connections: number,
): Link {
  const link = createLink();
  for (let times = 0; times < 16; times += 1) link.noteAnswer(roundTripMs);
  link.noteBytes(0, connections, 0);
  link.noteBytes(bytesPerSecondPerConnection * connections, connections, 1000);
  return link;
}

test.each([
  [100e6, 4],
  [400e6, 4],
  [2e9, 8],
])(
  "what a kill could cost of %d bytes is about a hundredth, near the server",
  (bytes, connections) => {
    const asked = ask([openFile(1, bytes)], connections, linkOf(0.5, 200e6, connections));
    expect(asked).toHaveLength(connections);
    const sum = asked.reduce((all, segment) => all + segment.bytes, 0);
    expect(sum).toBeLessThan(Math.max(bytes * 0.011, 4.1e6));
  },
);

test("far from the server, segments are so long that waiting for answers does not count", () => {
  const [first] = ask([openFile(1, 1e9)], 32, linkOf(30, 20e6, 32));
  const seconds = (first?.bytes ?? 0) / 20e6;
  expect(0.03 / seconds).toBeLessThan(0.07);
});

test("before anything is known, segments are as short as the budget says", () => {
  const asked = ask([openFile(1, 100e6)], 4);
  expect(asked.map(({ bytes }) => bytes)).toEqual(asked.map(() => usualTuning.minSegmentBytes));
});

test("of a server far away twenty megabytes a second are assumed until it is known", () => {
  const link = createLink();
  for (let times = 0; times < 16; times += 1) link.noteAnswer(30);
  const [first] = ask([openFile(1, 1e9)], 32, link);
  expect(first?.bytes).toBe(0.03 * 20e6 * usualTuning.farRoundTrips);
});

test("a slow connection gets no more than it brings in three seconds, and the largest set no segment over 32 MiB", () => {
  const slow = ask([openFile(1, 50e9)], 4, linkOf(40, 1e6, 4));
  expect(slow[0]?.bytes).toBe(3e6);
  const fast = ask([openFile(1, 500e9)], 4, linkOf(0.5, 500e6, 4));
  expect(fast[0]?.bytes).toBe(32 * mebibyte);
});

test("what is left is shared out, so that connections end together", () => {
  const bytes = ask([openFile(1, 8 * mebibyte)], 4, linkOf(40, 20e6, 4)).map((each) => each.bytes);
  expect(bytes[0]).toBe(2 * mebibyte);
});

test("an earlier priority is served before a later one, whatever the order of their coming", () => {
  const tasks = [openFile(1, mebibyte), openFile(2, mebibyte), openFile(3, 100e6)];
  const priorities = ask(tasks, 12).map(({ priority }) => priority);
  expect(priorities).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
});

test("a file that must wait is passed over", () => {
  const [waiting, next] = [openFile(1, mebibyte), openFile(2, mebibyte)];
  waiting.notBeforeMs = 11_000;
  expect(ask([waiting, next], 1)).toMatchObject([{ priority: 2 }]);
});

test("files of a server that is closed are passed over, and nothing of theirs is shared out", () => {
  const [first, later] = [openFile(1, 4 * mebibyte), openFile(2, mebibyte)];
  const connection = connectionWith(first, 3 * mebibyte, 100_000);
  closed.add(first.outage);
  expect(besides([first, later], [connection])).toMatchObject({ task: later });
  later.state = "done";
  expect(besides([first, later], [connection])).toBeNull();
  closed.clear();
  expect(besides([first, later], [connection])).toMatchObject({ task: first });
});

/** What another connection gets beside these, which asked ten seconds ago. */
function besides(tasks: readonly BlobTask[], connections: readonly Connection[]) {
  return chooseWork({
    tasks,
    connections: new Set(connections),
    closed,
    width: 4,
    nowMs: 20_000,
    link: createLink(),
    budget: budgetFor(1e9, usualTuning),
    tuning: usualTuning,
  });
}

/** Has so many bytes of the file before it, and received so many in ten seconds. */
function connectionWith(task: BlobTask, leftBytes: number, receivedBytes: number): Connection {
  const connection = createConnection(task, 10_000);
  connection.segment = task.open?.segments.take(leftBytes) ?? null;
  connection.receivedBytes = receivedBytes;
  return connection;
}

test.each([
  [1.5, 0.1, 0],
  [3, 0.1, 1.5],
  [3, 20, 0],
])(
  "of %d MiB before a connection that received %d in ten seconds, another gets %d MiB",
  (left, received, taken) => {
    const task = openFile(1, left * mebibyte);
    const connection = connectionWith(task, left * mebibyte, received * mebibyte);
    const segment = besides([task], [connection])?.segment ?? null;
    expect(segment === null ? 0 : segment.end - segment.at).toBe(taken * mebibyte);
  },
);

test.each([
  ["whose server knows no ranges", { whole: true }],
  ["of which nothing comes", { attempts: 4 }],
])("what is left of a file %s is not shared out", (_, change) => {
  const task = Object.assign(openFile(1, 3 * mebibyte), change);
  const connection = connectionWith(task, 3 * mebibyte, 100_000);
  expect(besides([task], [connection])).toBeNull();
});

test("what a later priority's connection has before it is not shared out for an earlier one", () => {
  const [first, later] = [openFile(1, mebibyte), openFile(2, 100 * mebibyte)];
  const connections = [
    connectionWith(first, mebibyte, 100_000),
    connectionWith(later, 3 * mebibyte, 100_000),
  ];
  const work = besides([first, later], connections);
  expect(work?.task).toBe(later);
  expect(work?.segment?.start).toBe(3 * mebibyte);
});
