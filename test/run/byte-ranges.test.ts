import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addRange,
  type ByteRanges,
  countBytes,
  missingRanges,
  prefixBytes,
  removeRange,
} from "../../src/run/byte-ranges.ts";

const size = 40;
const range = fc
  .tuple(fc.integer({ min: 0, max: size }), fc.integer({ min: 0, max: size }))
  .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));
const moves = fc.array(fc.record({ add: fc.boolean(), range }), { maxLength: 30 });

function bytesOf(ranges: ByteRanges): Set<number> {
  const bytes = new Set<number>();
  for (const { start, end } of ranges) for (let at = start; at < end; at += 1) bytes.add(at);
  return bytes;
}

test("adding and removing ranges is adding and removing their bytes, one by one", () => {
  fc.assert(
    fc.property(moves, (list) => {
      let ranges: ByteRanges = [];
      const bytes = new Set<number>();
      for (const { add, range: one } of list) {
        ranges = add ? addRange(ranges, one) : removeRange(ranges, one);
        for (let at = one.start; at < one.end; at += 1) {
          if (add) bytes.add(at);
          else bytes.delete(at);
        }
        expect(bytesOf(ranges)).toEqual(bytes);
        expect(countBytes(ranges)).toBe(bytes.size);
        ranges.reduce((reached, { start, end }) => {
          expect(start).toBeGreaterThan(reached);
          expect(end).toBeGreaterThan(start);
          return end;
        }, -1);
      }
      const missing = bytesOf(missingRanges(ranges, size));
      expect(missing.size + bytes.size).toBe(size);
      for (const at of missing) expect(bytes.has(at)).toBe(false);
      for (let at = 0; at < prefixBytes(ranges); at += 1) expect(bytes.has(at)).toBe(true);
      expect(bytes.has(prefixBytes(ranges))).toBe(false);
    }),
  );
});

test("an empty file misses nothing", () => {
  expect(missingRanges([], 0)).toEqual([]);
});
