import { createHash } from "node:crypto";
import { z } from "zod";
import type { ByteRanges } from "../run/byte-ranges.ts";
import { parseJson } from "../run/json.ts";

/**
 * What is known of a partial. `written` bytes were handed to the kernel: they outlive heros, but not the machine's power.
 * `synced` bytes are on the disk. The journal's lines say so after the fact, never before.
 */
export interface JournalState {
  readonly blobName: string;
  readonly sizeBytes: number;
  readonly written: ByteRanges;
  readonly synced: ByteRanges;
}

const range = z
  .tuple([z.number().int().nonnegative(), z.number().int().positive()])
  .refine(([start, end]) => end > start);
const record = z.object({
  v: z.literal(1),
  blob: z.string(),
  size: z.number().int().positive(),
  boot: z.string(),
  written: z.array(range),
  synced: z.array(range),
});

/** One line with the whole state and a checksum, so that any line stands alone and a torn last one is seen. */
export function encodeLine(state: JournalState, bootId: string): string {
  const body = JSON.stringify({
    v: 1,
    blob: state.blobName,
    size: state.sizeBytes,
    boot: bootId,
    written: state.written.map(({ start, end }) => [start, end]),
    synced: state.synced.map(({ start, end }) => [start, end]),
  });
  return `${checksum(body)} ${body}\n`;
}

/**
 * Which bytes of the partial can be trusted, by the last whole line: the written ones if the machine has run since
 * without a restart, else the synced ones. Null where nothing can be: another blob, another size, another format, no whole line.
 */
export function trustedRanges(
  text: string,
  expected: { blobName: string; sizeBytes: number },
  bootId: string,
): ByteRanges | null {
  for (const line of text.split("\n").toReversed()) {
    const state = decodeLine(line);
    if (state === null) continue;
    if (state.blob !== expected.blobName || state.size !== expected.sizeBytes) return null;
    const pairs = bootId !== "" && state.boot === bootId ? state.written : state.synced;
    return toRanges(pairs, expected.sizeBytes);
  }
  return null;
}

function decodeLine(line: string): z.infer<typeof record> | null {
  const [sum, body] = [line.slice(0, 16), line.slice(17)];
  if (line[16] !== " " || checksum(body) !== sum) return null;
  return record.safeParse(parseJson(body)).data ?? null;
}

/** Null unless the pairs are in order, apart, and inside the file. */
function toRanges(pairs: readonly (readonly [number, number])[], sizeBytes: number) {
  let reached = -1;
  for (const [start, end] of pairs) {
    if (start <= reached || end > sizeBytes) return null;
    reached = end;
  }
  return pairs.map(([start, end]) => ({ start, end }));
}

function checksum(body: string): string {
  return createHash("sha256").update(body).digest("hex").slice(0, 16);
}
