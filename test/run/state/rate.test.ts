import fc from "fast-check";
import { expect, test } from "vitest";
import { createRate } from "../../../src/run/state/rate.ts";

/** Feeds `seconds` of an even speed, four times a second, and gives the time it ended at. */
function feed(rate: ReturnType<typeof createRate>, from: number, seconds: number, speed: number) {
  for (let tick = 1; tick <= seconds * 4; tick += 1) {
    rate.record((from + tick / 4) * speed, (from + tick / 4) * 1000);
  }
  return (from + seconds) * 1000;
}

test("an even speed is told as it is, from the first second on", () => {
  const rate = createRate(0, 0);
  expect(rate.bytesPerSecond(0)).toBe(0);
  expect(rate.bytesPerSecond(feed(rate, 0, 1, 5_000_000))).toBeCloseTo(5_000_000, -2);
  expect(rate.bytesPerSecond(feed(rate, 1, 60, 5_000_000))).toBeCloseTo(5_000_000, -2);
});

test("the time left is hidden for three seconds and right afterwards", () => {
  const rate = createRate(0, 0);
  expect(rate.etaSeconds(1000, feed(rate, 0, 2, 100))).toBeNull();
  expect(rate.etaSeconds(1000, feed(rate, 2, 2, 100))).toBeCloseTo(10, 0);
  expect(rate.etaSeconds(0, 4000)).toBe(0);
});

test.each([5, 15, 30])("of a step in speed %i seconds ago so much is told as is due", (seconds) => {
  const rate = createRate(0, 0);
  const changedMs = feed(rate, 0, 200, 1_000_000);
  for (let tick = 1; tick <= seconds * 4; tick += 1) {
    rate.record(200_000_000 + tick * 500_000, changedMs + tick * 250);
  }
  const told = rate.bytesPerSecond(changedMs + seconds * 1000) / 1_000_000;
  // A mean of a mean in which x times fifteen seconds ago weighs 0.1^x.
  const x = seconds / 15;
  expect(told).toBeCloseTo(2 - 0.1 ** x * (1 + x * Math.LN10), 1);
});

test("a resumed download does not count what was there before", () => {
  const rate = createRate(9_000_000, 0);
  rate.record(9_001_000, 1000);
  expect(rate.bytesPerSecond(1000)).toBeCloseTo(1000, 0);
});

test("silence brings the speed to nothing within five seconds, told or not", () => {
  const rate = createRate(0, 0);
  const endedMs = feed(rate, 0, 10, 1000);
  expect(rate.bytesPerSecond(endedMs + 800)).toBeGreaterThan(850);
  const later = rate.bytesPerSecond(endedMs + 3000);
  expect(later).toBeLessThan(500);
  rate.record(10_000, endedMs + 4000);
  expect(rate.bytesPerSecond(endedMs + 5000)).toBe(0);
  expect(rate.etaSeconds(1000, endedMs + 5000)).toBeNull();
});

test("until silence is told, the time left stays what it was", () => {
  const rate = createRate(0, 0);
  const endedMs = feed(rate, 0, 10, 1_000_000);
  const told: (number | null)[] = [];
  for (let ms = 250; ms <= 6000; ms += 250) {
    rate.record(10_000_000, endedMs + ms);
    told.push(rate.etaSeconds(17_000_000, endedMs + ms));
  }
  expect(Math.max(...told.map(Number))).toBeLessThan(21);
  expect(told.at(-1)).toBeNull();
});

test("after an outage it goes on from the speed before, silence is none", () => {
  const rate = createRate(0, 0);
  const endedMs = feed(rate, 0, 20, 1_000_000);
  for (let ms = 250; ms <= 75_000; ms += 250) rate.record(20_000_000, endedMs + ms);
  const backMs = endedMs + 75_250;
  rate.record(20_100_000, backMs);
  expect(rate.etaSeconds(17_000_000, backMs)).toBeCloseTo(17, 0);
  rate.record(21_100_000, backMs + 1000);
  expect(rate.etaSeconds(16_000_000, backMs + 1000)).toBeCloseTo(16, 0);
  // The same for a program that was stopped and told nothing meanwhile.
  rate.record(21_200_000, backMs + 3_600_000);
  expect(rate.etaSeconds(15_900_000, backMs + 3_600_000)).toBeCloseTo(15.9, 0);
});

test("bytes that proved wrong start the mean anew", () => {
  const rate = createRate(0, 0);
  const endedMs = feed(rate, 0, 10, 1000);
  rate.record(2000, endedMs + 250);
  expect(rate.bytesPerSecond(endedMs + 250)).toBe(0);
  rate.record(3000, endedMs + 1250);
  expect(rate.bytesPerSecond(endedMs + 1250)).toBeCloseTo(1000, 0);
});

test("a link that swings by 30% moves the time left by no more than a tenth a second", () => {
  const swings = fc.array(fc.double({ min: 0.7, max: 1.3, noNaN: true }), {
    minLength: 150,
    maxLength: 150,
  });
  const steady = fc.property(swings, (list) => largestMove(list) <= 0.1);
  expect(fc.check(steady).failed).toBe(false);
});

/** Of the time left from one second to the next, as a share, where each fifth of a second brings so much of the usual. */
function largestMove(swings: readonly number[]): number {
  const rate = createRate(0, 0);
  let bytes = 0;
  let before: number | null = null;
  let largest = 0;
  for (const [index, swing] of swings.entries()) {
    bytes += 2_000_000 * swing;
    const nowMs = (index + 1) * 200;
    rate.record(bytes, nowMs);
    if (nowMs % 1000 > 0) continue;
    const left = rate.etaSeconds(2e9 - bytes, nowMs);
    // A second has passed meanwhile.
    if (left !== null && before !== null)
      largest = Math.max(largest, Math.abs(left - (before - 1)) / before);
    before = left;
  }
  return largest;
}

test("whatever comes, a speed is finite, never negative, and never above the fastest moment", () => {
  const steps = fc.array(
    fc.record({ bytes: fc.nat(1_000_000), ms: fc.integer({ min: 1, max: 5000 }) }),
    { minLength: 1, maxLength: 50 },
  );
  fc.assert(
    fc.property(steps, (moves) => {
      const rate = createRate(0, 0);
      let bytes = 0;
      let nowMs = 0;
      let fastest = 0;
      for (const move of moves) {
        bytes += move.bytes;
        nowMs += move.ms;
        fastest = Math.max(fastest, (move.bytes / move.ms) * 1000);
        rate.record(bytes, nowMs);
        const speed = rate.bytesPerSecond(nowMs);
        expect(speed).toBeGreaterThanOrEqual(0);
        expect(speed).toBeLessThanOrEqual(fastest * 1.0001 + 1e-6);
      }
    }),
  );
});
