import { expect, test } from "vitest";
import { compareVersion } from "../../src/run/version.ts";

test("versions are compared number by number, whatever stands before and after them", () => {
  const sign = (version: string, other: readonly number[]) =>
    Math.sign(compareVersion(version, other) ?? Number.NaN);
  expect(sign("2.29.1", [2, 29])).toBe(0);
  expect(sign("v2.29", [2, 29, 0])).toBe(0);
  expect(sign("2.9.0", [2, 29])).toBe(-1);
  expect(sign("2.26.1-4", [2, 26, 2])).toBe(-1);
  expect(sign("10.0", [2, 29])).toBe(1);
});

test("what is no number can't be compared", () => {
  expect(compareVersion("dev", [2, 29])).toBeNull();
  expect(compareVersion("", [2, 29])).toBeNull();
});
