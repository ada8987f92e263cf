import * as realFiles from "node:fs/promises";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { generatedBytes, readBytes } from "../../src/demo/hub/content.ts";
import {
  addRange,
  type ByteRanges,
  missingRanges,
  removeRange,
} from "../../src/run/byte-ranges.ts";
import { partialPath, partialPaths, placesOf } from "../../src/store/hub-cache/layout.ts";
import { openPartial, type PartialPaths, readPartial } from "../../src/store/partial.ts";
import type { Partial } from "../../src/store/store.ts";
import { createSegments } from "../../src/download/segments.ts";
import { createMemoryDisk, Killed, killedAfter, type PartialFiles } from "./memory-disk.ts";

/** A file on a server, of which any piece can be had. */
const sizeBytes = 600;
const truth = readBytes(generatedBytes("interrupted", sizeBytes));
const blob = { blobName: "a".repeat(64), sizeBytes };

interface Life {
  /** The call on files at which it is killed. */
  readonly calls: number;
  readonly end: "kill" | "power cut";
  readonly connections: number;
  readonly pieceBytes: number;
  /** After so many pieces the journal is told; 0: each write sees to it. */
  readonly noteEvery: number;
  /** After so many pieces the disk is waited for. */
  readonly syncEvery: number;
}

const life: fc.Arbitrary<Life> = fc.record({
  calls: fc.integer({ min: 1, max: 60 }),
  end: fc.constantFrom("kill", "power cut"),
  connections: fc.integer({ min: 1, max: 4 }),
  pieceBytes: fc.integer({ min: 1, max: 200 }),
  noteEvery: fc.integer({ min: 0, max: 4 }),
  syncEvery: fc.integer({ min: 1, max: 6 }),
});
const lives = fc.array(life, { minLength: 1, maxLength: 5 });

interface Fetched {
  /** Written, and the journal said so. */
  noted: ByteRanges;
  /** The disk said so too. */
  synced: ByteRanges;
}

/** Fetches what is missing as connections do, until it is all there or the process is killed. */
async function fetchAll(
  partial: Partial,
  { connections, pieceBytes, noteEvery, syncEvery }: Omit<Life, "calls" | "end">,
  kept: Fetched,
  requireAlive = (): void => {},
): Promise<void> {
  const segments = createSegments(missingRanges(partial.written(), sizeBytes), sizeBytes);
  let pieces = 0;
  let written = kept.noted;
  const connection = async (): Promise<void> => {
    for (let next = segments.take(pieceBytes); next !== null; next = segments.take(pieceBytes)) {
      const { start, end } = next;
      await partial.write(truth.subarray(start, end), start);
      requireAlive();
      written = addRange(written, { start, end });
      segments.finish(next);
      pieces += 1;
      const before = written;
      if (noteEvery > 0 && pieces % noteEvery === 0) await partial.note();
      requireAlive();
      if (noteEvery === 0 || pieces % noteEvery === 0) kept.noted = join(kept.noted, before);
      if (pieces % syncEvery > 0) continue;
      await partial.sync();
      requireAlive();
      kept.noted = join(kept.noted, before);
      kept.synced = join(kept.synced, before);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: connections }, connection));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  await partial.sync();
}

function join(ranges: ByteRanges, others: ByteRanges): ByteRanges {
  return others.reduce((all, range) => addRange(all, range), ranges);
}

/** What of these the others leave out. */
function lost(ranges: ByteRanges, others: ByteRanges): ByteRanges {
  return others.reduce((left: ByteRanges, range) => removeRange(left, range), ranges);
}

async function liveOn(
  files: PartialFiles,
  paths: PartialPaths,
  list: readonly Life[],
  disk: { cutPower(): void; read(): Promise<Buffer> },
): Promise<void> {
  let boot = 0;
  const kept: Fetched = { noted: [], synced: [] };
  for (const one of list) {
    try {
      const mortal = killedAfter(files, one.calls);
      const partial = await openPartial(mortal, paths, blob, {
        bootId: `boot ${boot}`,
        noteBytes: one.noteEvery === 0 ? 0 : sizeBytes,
      });
      await fetchAll(partial, one, kept, mortal.requireAlive);
      await partial.close();
    } catch (error) {
      expect(error).toBeInstanceOf(Killed);
    }
    if (one.end === "power cut") {
      disk.cutPower();
      boot += 1;
    }
    const trusted = await readPartial(files, paths, blob, `boot ${boot}`);
    // What the journal held does not come again…
    const held = one.end === "kill" ? kept.noted : kept.synced;
    expect(lost(held, trusted), `after a ${one.end}`).toEqual([]);
    // …and what is trusted is right.
    const content = await disk.read();
    for (const { start, end } of trusted) {
      expect(content.subarray(start, end).equals(truth.subarray(start, end))).toBe(true);
    }
    kept.noted = trusted;
    kept.synced = one.end === "kill" ? lost(kept.synced, lost(kept.synced, trusted)) : trusted;
  }
  const partial = await openPartial(files, paths, blob, { bootId: `boot ${boot}`, noteBytes: 0 });
  await fetchAll(partial, { connections: 2, pieceBytes: 64, noteEvery: 0, syncEvery: 3 }, kept);
  await partial.close();
  expect((await disk.read()).equals(truth)).toBe(true);
}

test("killed or without power at any call, a partial is gone on with to the same bytes, and nothing noted comes again", async () => {
  const places = placesOf("/cache", "org/model");
  const held = fc.assert(
    fc.asyncProperty(lives, async (list) => {
      const disk = createMemoryDisk();
      const file = partialPath(places, blob.blobName);
      const read = async (): Promise<Buffer> => disk.read(file);
      await liveOn(disk.files, partialPaths(places, blob.blobName), list, {
        cutPower: disk.cutPower,
        read,
      });
    }),
    { numRuns: 300 },
  );
  await expect(held).resolves.toBeUndefined();
});

test("the same holds on a real disk, for kills", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-interrupted-"));
  let count = 0;
  try {
    const held = fc.assert(
      fc.asyncProperty(fc.array(life, { maxLength: 3 }), async (list) => {
        const places = placesOf(path.join(folder, String((count += 1))), "org/model");
        await mkdir(places.staging, { recursive: true });
        const kills = list.map((one): Life => ({ ...one, end: "kill" }));
        await liveOn(realFiles, partialPaths(places, blob.blobName), kills, {
          cutPower: () => {},
          read: () => readFile(partialPath(places, blob.blobName)).catch(() => Buffer.alloc(0)),
        });
      }),
      { numRuns: 12 },
    );
    await expect(held).resolves.toBeUndefined();
  } finally {
    await rm(folder, { recursive: true });
  }
});
