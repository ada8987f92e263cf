import type { Chunk, Term, XetStore } from "./store.ts";

interface Span {
  readonly start: number;
  readonly end: number;
}

/** What `/v2/reconstructions` answers. @see https://huggingface.co/docs/xet/download-protocol */
export interface Reconstruction {
  /** Bytes of the first chunk that come before what was asked for. */
  readonly offset_into_first_range: number;
  /** Chunks have an exclusive end. */
  readonly terms: readonly {
    readonly hash: string;
    readonly unpacked_length: number;
    readonly range: Span;
  }[];
  /** Where each xorb's chunks are; bytes have an inclusive end. */
  readonly xorbs: Readonly<
    Record<string, readonly { url: string; ranges: { chunks: Span; bytes: Span }[] }[]>
  >;
}

/** The chunks that hold these bytes of a file, end exclusive; null where the file ends before them. */
export function reconstruct(
  terms: readonly Term[],
  xorbs: XetStore["xorbs"],
  wanted: Span,
  urlOf: (xorb: string) => string,
): Reconstruction | null {
  let at = 0;
  let skippedBytes: number | undefined;
  const kept = [];
  for (const { xorb, firstChunk, endChunk } of terms) {
    let unpackedBytes = 0;
    const range = { start: endChunk, end: firstChunk };
    for (let index = firstChunk; index < endChunk; index += 1) {
      const chunk = chunkAt(xorbs, xorb, index);
      if (at < wanted.end && at + chunk.unpackedBytes > wanted.start) {
        skippedBytes ??= Math.max(0, wanted.start - at);
        range.start = Math.min(range.start, index);
        range.end = index + 1;
        unpackedBytes += chunk.unpackedBytes;
      }
      at += chunk.unpackedBytes;
    }
    if (unpackedBytes > 0) kept.push({ hash: xorb, unpacked_length: unpackedBytes, range });
  }
  if (skippedBytes === undefined) return null;
  const fetches = Object.groupBy(kept, ({ hash }) => hash);
  return {
    offset_into_first_range: skippedBytes,
    terms: kept,
    xorbs: Object.fromEntries(
      Object.entries(fetches).map(([xorb, parts = []]) => {
        const ranges = joined(parts.map(({ range }) => range)).map((chunks) => ({
          chunks,
          bytes: bytesOf(xorbs, xorb, chunks),
        }));
        return [xorb, [{ url: urlOf(xorb), ranges }]];
      }),
    ),
  };
}

/** In order, and as one where they overlap or touch. */
function joined(spans: readonly Span[]): Span[] {
  const result: { start: number; end: number }[] = [];
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last === undefined || span.start > last.end) result.push({ ...span });
    else last.end = Math.max(last.end, span.end);
  }
  return result;
}

function bytesOf(xorbs: XetStore["xorbs"], xorb: string, { start, end }: Span): Span {
  const last = chunkAt(xorbs, xorb, end - 1);
  return {
    start: chunkAt(xorbs, xorb, start).offset,
    end: last.offset + last.storedBytes - 1,
  };
}

function chunkAt(xorbs: XetStore["xorbs"], xorb: string, index: number): Chunk {
  const chunk = xorbs.get(xorb)?.[index];
  if (chunk === undefined) throw new Error(`The xorb ${xorb} has no chunk ${index}`);
  return chunk;
}
