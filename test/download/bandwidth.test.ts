import { expect, test } from "vitest";
import { budgetFor, createDiskSpeed, writeBytesOf } from "../../src/download/bandwidth.ts";
import { usualTuning } from "../../src/download/tuning.ts";

const mebibyte = 1024 * 1024;

test("what is asked for and what is held are together less than a hundredth of all, and not much less", () => {
  const { askedBytes, heldBytes } = budgetFor(10e9, usualTuning);
  expect(askedBytes + heldBytes).toBeLessThan(100e6);
  expect(askedBytes + heldBytes).toBeGreaterThan(95e6);
});

test("what is read and not yet written stays small on every disk", () => {
  const of = (bytes: number): number => budgetFor(bytes, usualTuning).pendingBytes;
  expect(of(1e12)).toBeLessThanOrEqual(16 * mebibyte);
  expect(of(2e9)).toBe(10e6);
  expect(of(1)).toBe(usualTuning.minPendingBytes);
});

test("the more connections, the less each holds, and together no more than the budget", () => {
  const budget = budgetFor(4e9, usualTuning);
  for (const connections of [8, 16, 32]) {
    const bytes = writeBytesOf(budget, connections);
    expect(bytes).toBe(
      Math.min(
        Math.max(budget.heldBytes / connections, budget.minWriteBytes),
        budget.maxWriteBytes,
      ),
    );
  }
  expect(writeBytesOf(budget, 0)).toBe(budget.maxWriteBytes);
  expect(writeBytesOf(budget, 1e6)).toBe(budget.minWriteBytes);
});

test("the disk's speed is that of all that was synced, once it is enough to tell", () => {
  const disk = createDiskSpeed();
  disk.note(10 * mebibyte, 100);
  expect(disk.bytesPerSecond()).toBeNull();
  disk.note(10 * mebibyte, 100);
  expect(disk.bytesPerSecond()).toBe(100 * mebibyte);
});
