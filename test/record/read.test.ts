import { expect, test } from "vitest";
import { parseRecording } from "../../src/record/read.ts";

test("what a record of before calls passing is a transient leftover now", () => {
  const leftover = { kind: "passing", repo: "o/m", file: "/cache/.heros-1-link", bytes: 0 };
  const other = { ...leftover, kind: "blob" };
  const kept = { cacheDir: "/cache", dryRun: false, bytes: 0, kept: [] };
  const lines = [
    { v: 1, at: 1, type: "prune.planned", ...kept, files: [leftover, other] },
    { v: 1, at: 2, type: "file.removed", ...leftover },
  ];
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  const told = JSON.stringify(parseRecording(text, "old.jsonl"));
  expect(told).toBe(JSON.stringify(lines).replaceAll('"passing"', '"transient"'));
});

test("a record of before whose containers have a detail is read", () => {
  const pulling = { v: 1, at: 1, type: "container.changed", service: "db", state: "pulling" };
  const text = JSON.stringify({ ...pulling, detail: "1.00 GB of 18.0 GB" });
  expect(parseRecording(text, "old.jsonl")).toMatchObject([pulling]);
});
