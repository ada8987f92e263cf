import fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { realClock } from "../../src/host/real-host.ts";
import {
  processMarks,
  rememberBackground,
  seeBackground,
} from "../../src/record/background-run.ts";
import { followRecord, lastEvents } from "../../src/record/read-record.ts";

const host = { files: fs, clock: { ...realClock, sleep: async () => {} } };
const paused = '{"v":1,"at":5,"type":"download.paused"}';
const stack = '{"v":1,"at":6,"type":"stage.started","stage":"stack"}';
const signal = new AbortController().signal;

let folder: string;
let record: string;

beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "heros-record-"));
  record = join(folder, "run.jsonl");
});
afterEach(() => fs.rm(folder, { recursive: true }));

test("a line that is written in two pieces is one event, and what is no event is passed over", async () => {
  await fs.writeFile(
    record,
    `no event\n${paused}\n{"v":1,"at":1,"type":"later"}\n${stack.slice(0, 9)}`,
  );
  // Each look finds what was written meanwhile; the last finds the end.
  const pieces = [stack.slice(9), "\n", null];
  const isWritten = async () => {
    const piece = pieces.shift() ?? null;
    if (piece !== null) await fs.appendFile(record, piece);
    return piece !== null;
  };
  const types: string[] = [];
  for await (const { type } of followRecord({ host, record, isWritten, signal })) types.push(type);
  expect(types).toEqual(["download.paused", "stage.started"]);
});

test("the last events are whole ones: a stage that does not exist is none", async () => {
  const wrong = stack.replace('"stack"', '"elsewhere"');
  await fs.writeFile(record, [paused, wrong, stack, stack.slice(0, 20)].join("\n"));
  expect(await lastEvents(host, record)).toEqual([JSON.parse(paused), JSON.parse(stack)]);
});

test("a record that is not there has no events", async () => {
  const isWritten = async () => true;
  const followed = followRecord({ host, record, isWritten, signal });
  expect((await followed.next()).done).toBe(true);
  expect(await lastEvents(host, record)).toEqual([]);
});

test("of a run in the background that goes on, the images are told that are still on their way", async () => {
  const progress = (image: string, receivedBytes: number) => ({
    v: 1,
    at: 1,
    type: "image.progress",
    image,
    phase: "unpacking",
    receivedBytes,
    totalBytes: 9,
  });
  const ready = { v: 1, at: 2, type: "image.ready", image: "redis", digest: "sha256:x" };
  const events = [progress("redis", 1), progress("neo4j", 1), ready, progress("neo4j", 4)];
  await fs.writeFile(record, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  const marks = await processMarks(host, process.pid);
  if (marks === null) throw new Error("this process does not run");
  const run = { command: "setup", argv: [], startedAt: "2026-11-26T20:00:00Z", record } as const;
  const doors = { ...host, pid: process.pid, random: () => 0.5 };
  await rememberBackground(doors, folder, { ...run, argv: [], pid: process.pid, ...marks });
  expect((await seeBackground(host, folder))?.images).toEqual([
    { image: "neo4j", phase: "unpacking", receivedBytes: 4, totalBytes: 9 },
  ]);
});
