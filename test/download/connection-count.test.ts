import { expect, test } from "vitest";
import {
  createConnectionCount,
  type ConnectionCount,
} from "../../src/download/connection-count.ts";
import { createRateCap } from "../../src/download/bandwidth.ts";

interface Link {
  /** Bytes a second that so many connections bring at this moment. */
  readonly speed: (connections: number, nowMs: number) => number;
  readonly seconds: number;
  readonly roundTripMs?: number;
  readonly busy?: boolean;
  readonly small?: (nowMs: number) => boolean;
}

/** Lets the count watch a link, new connections taking three round trips to come up; the targets by time, in ticks of 25 ms. */
function watch(count: ConnectionCount, link: Link, startMs = 0): number[] {
  const { speed, seconds, roundTripMs = 1, busy = true, small = () => false } = link;
  const targets: number[] = [];
  let doneBytes = 0;
  let upAtMs = startMs;
  let up = count.target();
  for (let nowMs = startMs; nowMs <= startMs + seconds * 1000; nowMs += 25) {
    const target = count.target();
    if (target <= up || targets.at(-1) === target) {
      if (nowMs >= upAtMs) up = target;
    } else upAtMs = nowMs + 3 * roundTripMs;
    doneBytes += speed(up, nowMs) / 40;
    count.observe({ doneBytes, busy, small: small(nowMs), nowMs, roundTripMs });
    targets.push(target);
  }
  return targets;
}

const start = (max = 32): ConnectionCount => createConnectionCount({ first: 4, max });
const capped = (connections: number): number => connections * 20e6;
const last = (targets: readonly number[]): number => targets.at(-1) ?? 0;

test.each([1, 30, 150])(
  "where each connection is capped, sixteen connections come within a few seconds (%i ms)",
  (roundTripMs) => {
    const targets = watch(start(), { speed: capped, seconds: 6, roundTripMs });
    const atMs = targets.findIndex((target) => target >= 16) * 25;
    expect(atMs).toBeGreaterThan(0);
    expect(atMs).toBeLessThan(roundTripMs === 150 ? 4000 : 1500);
    expect(last(targets)).toBe(32);
  },
);

test("the most that a person allows is kept", () => {
  expect(last(watch(start(12), { speed: capped, seconds: 6 }))).toBe(12);
  expect(last(watch(start(1), { speed: capped, seconds: 6 }))).toBe(1);
});

test("where the link is full, a try is made and taken back, and the next come ever later", () => {
  const targets = watch(start(), { speed: () => 100e6, seconds: 100 });
  expect(Math.max(...targets)).toBe(8);
  expect(last(targets)).toBe(4);
  const tries = targets.filter((target, index) => target === 8 && targets[index - 1] === 4);
  expect(tries).toHaveLength(3);
});

test("where each connection brings so much that nothing holds it back, no more are tried", () => {
  expect(Math.max(...watch(start(), { speed: () => 800e6, seconds: 100 }))).toBe(4);
});

test("where a near server sends as fast as we take it, one connection is enough", () => {
  const targets = watch(start(), { speed: () => 400e6, seconds: 100 });
  expect(Math.max(...targets)).toBe(4);
  expect(targets.indexOf(1) * 25).toBeLessThan(1000);
  expect(last(targets)).toBe(1);
});

test("from far away, fewer are not tried", () => {
  const targets = watch(start(), { speed: () => 800e6, seconds: 20, roundTripMs: 30 });
  expect(Math.min(...targets)).toBe(4);
});

test("fewer that bring less are taken back once, and more are tried instead", () => {
  const speed = (connections: number): number => connections * 60e6;
  const targets = watch(start(), { speed, seconds: 10 });
  const tries = targets.filter((target, index) => target === 2 && targets[index - 1] === 4);
  expect(tries).toHaveLength(1);
  expect(targets).not.toContain(1);
  expect(last(targets)).toBe(32);
});

test("where fewer bring less later, there are as many as before", () => {
  const count = start();
  expect(last(watch(count, { speed: () => 400e6, seconds: 3 }))).toBe(1);
  const targets = watch(count, { speed: (connections) => connections * 50e6, seconds: 5 }, 3000);
  expect(Math.min(...targets.slice(100))).toBeGreaterThanOrEqual(4);
  expect(last(targets)).toBe(32);
});

test("small files get as many connections again", () => {
  const count = start();
  expect(last(watch(count, { speed: () => 400e6, seconds: 3 }))).toBe(1);
  watch(count, { speed: () => 1e6, seconds: 1, small: () => true }, 3000);
  expect(count.target()).toBeGreaterThanOrEqual(4);
});

test("a link that is full at twenty connections ends at the next count that fills it", () => {
  const speed = (connections: number): number => Math.min(connections, 20) * 10e6;
  expect(last(watch(start(), { speed, seconds: 10 }))).toBeGreaterThanOrEqual(16);
});

test("slow Wi-Fi, which more connections make slower, keeps few", () => {
  const speed = (connections: number): number => 3e6 / (1 + Math.max(0, connections - 4) / 8);
  expect(last(watch(start(), { speed, seconds: 10, roundTripMs: 40 }))).toBe(4);
});

/** Between -1 and 1, the same for each seed. */
function noise(seed: number): number {
  const hash = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d);
  return ((Math.imul(hash ^ (hash >>> 12), 0x297a2d39) >>> 0) / 2 ** 32) * 2 - 1;
}

test("a slow link that jitters by a half does not look as if it grew with its connections", () => {
  const ends = Array.from({ length: 100 }, (_, seed) => {
    const speed = (_connections: number, nowMs: number): number =>
      2e6 * (1 + 0.5 * noise(seed * 1009 + Math.floor(nowMs / 150)));
    return last(watch(start(), { speed, seconds: 60, roundTripMs: 20 }));
  });
  expect(ends.filter((connections) => connections > 8).length).toBeLessThanOrEqual(10);
  expect(ends.filter((connections) => connections === 4).length).toBeGreaterThan(50);
});

test("a collapse halves them once, and they grow again when it is over", () => {
  const count = start();
  watch(count, { speed: capped, seconds: 3 });
  expect(count.target()).toBe(32);
  watch(count, { speed: (connections) => connections * 4e6, seconds: 10 }, 3000);
  expect(count.target()).toBe(16);
  watch(count, { speed: capped, seconds: 20 }, 13_000);
  expect(count.target()).toBe(32);
});

test("two seconds of a slow link are no collapse", () => {
  const count = start();
  watch(count, { speed: capped, seconds: 3 });
  watch(count, { speed: (connections) => connections * 4e6, seconds: 2 }, 3000);
  watch(count, { speed: capped, seconds: 5 }, 5000);
  expect(count.target()).toBe(32);
});

test("after a refusal there are half as many, for a while, and longer after the next", () => {
  const count = start();
  watch(count, { speed: capped, seconds: 3 });
  count.shrink(3000);
  expect(last(watch(count, { speed: capped, seconds: 14 }, 3000))).toBe(16);
  expect(last(watch(count, { speed: capped, seconds: 3 }, 17_000))).toBe(32);
  for (let times = 0; times < 10; times += 1) count.shrink(20_000);
  expect(count.target()).toBe(1);
  expect(last(watch(count, { speed: capped, seconds: 55 }, 20_000))).toBe(1);
});

test("a count that is refused while it is tried goes below the one before", () => {
  const count = start();
  watch(count, { speed: capped, seconds: 0.3 });
  expect(count.target()).toBe(8);
  count.shrink(300);
  expect(count.target()).toBe(2);
});

test("without work for all connections nothing is concluded", () => {
  expect(last(watch(start(), { speed: capped, seconds: 5, busy: false }))).toBe(4);
});

test("small files after large ones are no collapse", () => {
  const count = start();
  watch(count, { speed: capped, seconds: 3 });
  const small = (): boolean => true;
  watch(count, { speed: (connections) => connections * 0.5e6, seconds: 10, small }, 3000);
  expect(count.target()).toBe(32);
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

test("a refusal costs one connection, and refusals that go on do not put the next try off", () => {
  const count = start();
  watch(count, { speed: capped, seconds: 0.7 });
  const from = count.target();
  expect(from).toBeGreaterThan(4);
  for (let connections = from; connections > 4; connections -= 1) count.limit(connections - 1, 800);
  expect(count.target()).toBe(4);
  count.limit(7, 900);
  expect(count.target()).toBe(4);
  for (let seconds = 2; seconds < 14; seconds += 2) count.limit(4, seconds * 1000);
  expect(Math.max(...watch(count, { speed: capped, seconds: 4 }, 14_000))).toBeGreaterThan(4);
});
