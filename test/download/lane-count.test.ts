import { expect, test } from "vitest";
import { createLaneCount } from "../../src/download/lane-count.ts";
import { createRateCap } from "../../src/download/rate-cap.ts";

/** A link that carries `speed(lanes)` bytes a second, for so many seconds. */
function run(speed: (lanes: number) => number, seconds: number, most = 32) {
  const count = createLaneCount({ first: 8, most });
  const seen = new Set<number>();
  let bytes = 0;
  for (let nowMs = 0; nowMs <= seconds * 1000; nowMs += 50) {
    bytes += speed(count.target()) / 20;
    count.observe(bytes, true, nowMs);
    seen.add(count.target());
  }
  return { count, most: Math.max(...seen) };
}

test("where each connection is capped, lanes are added up to the most", () => {
  expect(run((lanes) => lanes * 20e6, 3).count.target()).toBe(32);
  expect(run((lanes) => lanes * 20e6, 3, 12).count.target()).toBe(12);
});

test("where the link is full, a try is made and taken back", () => {
  const { count, most } = run(() => 100e6, 10);
  expect(most).toBe(16);
  expect(count.target()).toBe(8);
});

test("a link that is full at twenty lanes ends at the next count that fills it", () => {
  expect(run((lanes) => Math.min(lanes, 20) * 10e6, 10).count.target()).toBe(32);
});

test("after a refusal there are half as many, for a while", () => {
  const { count } = run((lanes) => lanes * 20e6, 3);
  count.shrink(3000);
  expect(count.target()).toBe(16);
  for (let nowMs = 3050; nowMs < 10_000; nowMs += 50) count.observe(nowMs * 1e6, true, nowMs);
  expect(count.target()).toBe(16);
  for (let times = 0; times < 10; times += 1) count.shrink(10_000);
  expect(count.target()).toBe(1);
});

test("without work for all lanes nothing is concluded", () => {
  const count = createLaneCount({ first: 8, most: 32 });
  for (let nowMs = 0; nowMs < 5000; nowMs += 50) count.observe(nowMs * 1000, false, nowMs);
  expect(count.target()).toBe(8);
});

test("a rate cap lets its rate pass, however the bytes are cut", () => {
  const cap = createRateCap(1_000_000);
  let nowMs = 0;
  let bytes = 0;
  while (nowMs < 10_000) {
    bytes += 64_000;
    nowMs += Math.max(1, cap.spend(64_000, nowMs));
  }
  expect(bytes / 10).toBeGreaterThan(990_000);
  expect(bytes / 10).toBeLessThan(1_030_000);
});
