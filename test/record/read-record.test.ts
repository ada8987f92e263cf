import { expect, test } from "vitest";
import { parseRecording } from "../../src/record/read-record.ts";

test("a record of before, which calls a transient leftover passing, is read as it is", () => {
  const leftover = { kind: "passing", repo: "o/m", file: "/cache/.heros-1-link", bytes: 0 };
  const other = { ...leftover, kind: "blob" };
  const kept = { cacheDir: "/cache", dryRun: false, bytes: 0, kept: [] };
  const lines = [
    { v: 1, at: 1, type: "prune.planned", ...kept, files: [leftover, other] },
    { v: 1, at: 2, type: "file.removed", ...leftover },
  ];
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  const told = JSON.stringify(parseRecording(text, "old.jsonl"));
  expect(told).toBe(JSON.stringify(lines));
});

test("a record of before whose containers have a detail is read", () => {
  const pulling = { v: 1, at: 1, type: "container.changed", service: "db", state: "pulling" };
  const text = JSON.stringify({ ...pulling, detail: "1.00 GB of 18.0 GB" });
  expect(parseRecording(text, "old.jsonl")).toMatchObject([pulling]);
});

test("a last line that is cut off is left out, with a notice", () => {
  const whole = { v: 1, at: 7, type: "download.paused" };
  const text = `${JSON.stringify(whole)}\n{"v":1,"at":8,"type":"downl`;
  expect(parseRecording(text, "killed.jsonl")).toEqual([
    whole,
    expect.objectContaining({ at: 7, type: "notice", code: "replay.cut_off" }),
  ]);
});

test("what is told of images is read", () => {
  const image = "redis:7";
  const digest = "sha256:1";
  const sums = { totalBytes: 10, cachedBytes: 0, unpackedBytes: 25 };
  const planned = { image, digest, services: ["redis"], ...sums, neededForOnline: true };
  const told = [
    { v: 1, at: 1, type: "image.planned", ...planned, way: "registry" },
    {
      v: 1,
      at: 2,
      type: "image.progress",
      image,
      phase: "unpacking",
      receivedBytes: 3,
      totalBytes: 9,
    },
    { v: 1, at: 3, type: "image.ready", image, digest },
  ];
  const text = told.map((line) => JSON.stringify(line)).join("\n");
  expect(parseRecording(text, "new.jsonl")).toEqual(told);
});
