/** Bytes from `start` to before `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Ranges in order, apart from each other, none empty. */
export type ByteRanges = readonly ByteRange[];

/** The ranges with one more; what touches becomes one. */
export function addRange(ranges: ByteRanges, { start, end }: ByteRange): ByteRanges {
  if (end <= start) return ranges;
  const before = ranges.filter((range) => range.end < start);
  const after = ranges.filter((range) => range.start > end);
  const touched = ranges.slice(before.length, ranges.length - after.length);
  const merged = {
    start: Math.min(start, touched[0]?.start ?? start),
    end: Math.max(end, touched.at(-1)?.end ?? end),
  };
  return [...before, merged, ...after];
}

/** The ranges without these bytes. */
export function removeRange(ranges: ByteRanges, { start, end }: ByteRange): ByteRanges {
  if (end <= start) return ranges;
  return ranges.flatMap((range) => {
    if (range.end <= start || range.start >= end) return [range];
    const left = { start: range.start, end: start };
    const right = { start: end, end: range.end };
    return [left, right].filter((rest) => rest.end > rest.start);
  });
}

/** What of a file of this size the ranges leave out. */
export function missingRanges(ranges: ByteRanges, sizeBytes: number): ByteRanges {
  return ranges.reduce(
    (left: ByteRanges, range) => removeRange(left, range),
    sizeBytes > 0 ? [{ start: 0, end: sizeBytes }] : [],
  );
}

export function countBytes(ranges: ByteRanges): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** How far the bytes go from 0 without a gap. */
export function prefixBytes(ranges: ByteRanges): number {
  const first = ranges[0];
  return first?.start === 0 ? first.end : 0;
}
