import fc from "fast-check";
import { expect, test } from "vitest";
import { addRange, type ByteRanges, countBytes } from "../../src/run/byte-ranges.ts";
import { createSegments, type Segment } from "../../src/download/segments.ts";

const size = 1000;
const held = fc
  .array(fc.tuple(fc.nat(size), fc.nat(200)), { maxLength: 5 })
  .map((list) =>
    list.reduce(
      (ranges: ByteRanges, [start, length]) =>
        addRange(ranges, { start, end: Math.min(size, start + length) }),
      [],
    ),
  );
type Move = { kind: "take" | "finish" | "break" | "split"; which: number; bytes: number };
const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("take", "finish", "break", "split"),
    which: fc.nat(20),
    bytes: fc.integer({ min: 1, max: 300 }),
  }),
  { maxLength: 60 },
);

function missingOf(ranges: ByteRanges): ByteRanges {
  let at = 0;
  const missing = ranges.flatMap(({ start, end }) => {
    const gap = { start: at, end: start };
    at = end;
    return gap.end > gap.start ? [gap] : [];
  });
  return at < size ? [...missing, { start: at, end: size }] : missing;
}

test("whatever is interrupted wherever, every byte comes once and none that was held comes again", () => {
  fc.assert(
    fc.property(held, moves, (ranges, list) => {
      const segments = createSegments(missingOf(ranges), size);
      const came = new Uint8Array(size);
      for (const { start, end } of ranges) came.fill(1, start, end);
      const receive = (segment: Segment, bytes: number): void => {
        const end = Math.min(segment.end, segment.at + bytes);
        for (let at = segment.at; at < end; at += 1) {
          expect(came[at], `byte ${at} comes once`).toBe(0);
          came[at] = 1;
        }
        segment.at = end;
      };
      const end = (segment: Segment, whole: boolean): void => {
        receive(segment, whole ? size : 0);
        if (whole) segments.finish(segment);
        else segments.giveBack(segment);
      };
      for (const { kind, which, bytes } of list) {
        const taken = [...segments.taken];
        const chosen = taken[which % Math.max(1, taken.length)];
        if (kind === "take") segments.take(bytes, which * 60);
        else if (chosen !== undefined && kind === "split") segments.split(chosen, bytes);
        else if (chosen !== undefined) {
          receive(chosen, bytes);
          if (kind === "break" || chosen.at === chosen.end) end(chosen, chosen.at === chosen.end);
        }
        const onTheWay = [...segments.taken].reduce((sum, { at, end: to }) => sum + to - at, 0);
        const open = came.reduce((sum, byte) => sum + (byte === 0 ? 1 : 0), 0);
        expect(segments.freeBytes() + onTheWay).toBe(open);
      }
      for (const segment of new Set(segments.taken)) end(segment, true);
      for (let next = segments.take(100); next !== null; next = segments.take(100)) end(next, true);
      expect(segments.done()).toBe(true);
      expect(came.every((byte) => byte === 1)).toBe(true);
      expect(countBytes([{ start: 0, end: size }])).toBe(came.length);
    }),
  );
});

test("a split halves what has not come, and never what is too short", () => {
  const segments = createSegments([{ start: 0, end: 100 }], 100);
  const first = segments.take(100);
  if (first === null) throw new Error("nothing was free");
  first.at = 20;
  expect(segments.split(first, 41)).toBeNull();
  expect(segments.split(first, 40)).toMatchObject({ start: 60, end: 100 });
  expect(first).toMatchObject({ at: 20, end: 60 });
});

test("gives the bytes first that somebody waits for, and the rest in order", () => {
  const segments = createSegments([{ start: 100, end: 400 }], size);
  expect(segments.take(50, 250)).toMatchObject({ start: 250, end: 300 });
  expect(segments.take(500, 300)).toMatchObject({ start: 300, end: 400 });
  expect(segments.take(60, 390)).toMatchObject({ start: 100, end: 160 });
  expect(segments.take(500)).toMatchObject({ start: 160, end: 250 });
  expect(segments.take(1)).toBeNull();
});
