import { join, normalize } from "node:path";
import { expect, test } from "vitest";
import {
  blobPath,
  linkTarget,
  lockPath,
  partialPath,
  placesOf,
  snapshotPath,
} from "../../../src/store/hub-cache/layout.ts";

test("things lie where Python's client looks for them", () => {
  const places = placesOf("/cache", "openai/whisper-large-v3");
  expect(blobPath(places, "abc")).toBe("/cache/models--openai--whisper-large-v3/blobs/abc");
  expect(lockPath(places, "abc")).toBe("/cache/.locks/models--openai--whisper-large-v3/abc.lock");
  expect(partialPath(places, "abc")).not.toMatch(/\.incomplete$/u);
});

test("a snapshot's link leads to its blob from any depth", () => {
  const places = placesOf("/cache", "gpt2");
  for (const path of ["a", "a/b", "a/b/c.json"]) {
    const folder = join(snapshotPath(places, "c0ffee", path), "..");
    expect(normalize(join(folder, linkTarget(path, "abc")))).toBe(blobPath(places, "abc"));
  }
});
