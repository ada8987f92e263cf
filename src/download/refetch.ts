import {
  addRange,
  type ByteRanges,
  countBytes,
  missingRanges,
  removeRange,
} from "../run/byte-ranges.ts";
import type { Partial } from "../store/store.ts";

/**
 * A file whose hash is wrong, fetched a second time and compared, round by round: only what differs is written, and the
 * hash is tried again after each round that found something. So the rest need not come once the damage is fixed.
 */
export interface Refetch {
  /** Bytes to fetch next; null when the whole file was compared. */
  nextRound(): ByteRanges | null;
  /** Compares what came with what is there, and replaces it where it differs. @throws Node's errors */
  compare(bytes: Buffer, position: number): Promise<void>;
  /** Bytes in pieces that differed, since the last call. */
  takeReplacedBytes(): number;
}

/** Enough to keep all connections busy. */
const segmentsPerRound = 8;
const minShare = 1 / 16;

export function createRefetch({
  partial,
  sizeBytes,
  suspects,
  whole,
  segmentBytes,
}: {
  partial: Pick<Partial, "read" | "write">;
  sizeBytes: number;
  /** Compared first: what an earlier run left may have changed since. */
  suspects: ByteRanges;
  /** The server knows no ranges: all of it in one round. */
  whole: () => boolean;
  segmentBytes: number;
}): Refetch {
  const roundBytes = Math.ceil(Math.max(segmentBytes * segmentsPerRound, sizeBytes * minShare));
  let unseen: ByteRanges = missingRanges([], sizeBytes);
  let suspected = suspects;
  let replacedBytes = 0;

  /** The first so many bytes of these. */
  const first = (ranges: ByteRanges): ByteRanges => {
    let left = roundBytes;
    return ranges.flatMap(({ start, end }) => {
      const taken = { start, end: Math.min(end, start + left) };
      left -= Math.max(0, taken.end - taken.start);
      return taken.end > taken.start ? [taken] : [];
    });
  };
  const seen = (ranges: ByteRanges): void => {
    for (const range of ranges) {
      unseen = removeRange(unseen, range);
      suspected = removeRange(suspected, range);
    }
  };

  return {
    nextRound() {
      if (unseen.length === 0) return null;
      if (whole()) return missingRanges([], sizeBytes);
      return first(countBytes(suspected) > 0 ? suspected : unseen);
    },
    async compare(bytes, position) {
      const there = await partial.read(position, bytes.length);
      if (!there.equals(bytes)) {
        await partial.write(bytes, position);
        replacedBytes += bytes.length;
      }
      seen(addRange([], { start: position, end: position + bytes.length }));
    },
    takeReplacedBytes() {
      const taken = replacedBytes;
      replacedBytes = 0;
      return taken;
    },
  };
}
