import { addRange, type ByteRange, type ByteRanges, removeRange } from "../run/byte-ranges.ts";

/** A piece of a file that one connection fetches. `at` moves as bytes come; `end` comes nearer when another connection takes the rest. */
export interface Segment {
  /** Where the connection began. */
  readonly start: number;
  /** The next byte to come. */
  at: number;
  end: number;
}

/** Which bytes of one file nobody fetches yet, and which pieces are on their way. */
export interface Segments {
  /** The first free bytes, at most so many; null where none are free. Those from a byte on that somebody waits for come first. */
  take(maxBytes: number, wantedAt?: number): Segment | null;
  /** What of the segment has not come is free again. */
  giveBack(segment: Segment): void;
  /** The segment has come. */
  finish(segment: Segment): void;
  /** Cuts the second half of a segment's rest off, for another connection; null where the rest is shorter than two pieces of `minBytes`. */
  split(segment: Segment, minBytes: number): Segment | null;
  /** All from this byte on is free, whatever is on its way. */
  restart(from: number): void;
  /** These bytes are free, whatever was before: they are wanted once more. */
  offer(ranges: ByteRanges): void;
  readonly taken: ReadonlySet<Segment>;
  freeBytes(): number;
  /** Nothing is free and nothing on its way. */
  done(): boolean;
}

export function createSegments(missing: ByteRanges, sizeBytes: number): Segments {
  let free = missing;
  const taken = new Set<Segment>();
  const hand = ({ start, end }: ByteRange): Segment => {
    const segment = { start, at: start, end };
    taken.add(segment);
    return segment;
  };
  return {
    taken,
    take(maxBytes, wantedAt = 0) {
      const first = free.find((range) => range.end > wantedAt) ?? free[0];
      if (first === undefined) return null;
      const start = first.end > wantedAt ? Math.max(first.start, wantedAt) : first.start;
      const end = Math.min(first.end, start + Math.max(1, maxBytes));
      free = removeRange(free, { start, end });
      return hand({ start, end });
    },
    giveBack(segment) {
      if (!taken.delete(segment)) return;
      free = addRange(free, { start: segment.at, end: segment.end });
    },
    finish(segment) {
      taken.delete(segment);
    },
    split(segment, minBytes) {
      const rest = segment.end - segment.at;
      if (!taken.has(segment) || rest < 2 * minBytes) return null;
      const middle = segment.at + Math.ceil(rest / 2);
      const tail = { start: middle, end: segment.end };
      segment.end = middle;
      return hand(tail);
    },
    restart(from) {
      taken.clear();
      free = addRange([], { start: from, end: sizeBytes });
    },
    offer(ranges) {
      taken.clear();
      free = ranges;
    },
    freeBytes: () => free.reduce((sum, { start, end }) => sum + end - start, 0),
    done: () => free.length === 0 && taken.size === 0,
  };
}
