import { expect, test } from "vitest";
import { diskSpaceFailure, headroom, neededFor } from "../../src/store/store.ts";

test("what should stay free is a fiftieth, at least 64 MB and at most 1 GB", () => {
  expect([1, 3.2e9, 10e9, 50e9, 100e9].map(headroom)).toEqual([64e6, 64e6, 200e6, 1e9, 1e9]);
  expect(neededFor(0)).toBe(0);
  expect(neededFor(10e9)).toBe(10.2e9);
});

test("what just fits is no failure", () => {
  const space = { cacheDir: "/models", neededBytes: 100 };
  expect(diskSpaceFailure({ ...space, freeBytes: 100 })).toBeNull();
  expect(diskSpaceFailure({ ...space, freeBytes: 99 })).toMatchObject({
    code: "disk.too_small",
    exitCode: 7,
  });
});
