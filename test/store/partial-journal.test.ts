import fc from "fast-check";
import { expect, test } from "vitest";
import { addRange, type ByteRanges } from "../../src/run/byte-ranges.ts";
import { encodeLine, openJournal, trustedRanges } from "../../src/store/partial.ts";
import { createMemoryDisk } from "./memory-disk.ts";
import { anyShare } from "../share.ts";

const blob = { blobName: "a".repeat(64), sizeBytes: 1000 };
const range = fc
  .tuple(fc.integer({ min: 0, max: 999 }), fc.integer({ min: 1, max: 200 }))
  .map(([start, length]) => ({ start, end: Math.min(1000, start + length) }));
const ranges = fc
  .array(range, { maxLength: 8 })
  .map((list) => list.reduce((all: ByteRanges, one) => addRange(all, one), []));
const states = fc.array(
  fc.record({ written: ranges, synced: ranges }).map((state) => ({ ...blob, ...state })),
  { minLength: 1, maxLength: 5 },
);

test("after a kill the written bytes count, after a restart of the machine the synced ones", () => {
  const written = [{ start: 0, end: 600 }];
  const synced = [{ start: 0, end: 400 }];
  const text = encodeLine({ ...blob, written, synced }, "boot-1");
  expect(trustedRanges(text, blob, "boot-1")).toEqual(written);
  expect(trustedRanges(text, blob, "boot-2")).toEqual(synced);
  expect(trustedRanges(text, blob, "")).toEqual(synced);
});

test("a journal of another blob, another size or another format is not trusted", () => {
  const state = { ...blob, written: [{ start: 0, end: 1000 }], synced: [] };
  const text = encodeLine(state, "boot");
  expect(trustedRanges(text, { ...blob, sizeBytes: 1001 }, "boot")).toBeNull();
  expect(trustedRanges(text, { ...blob, blobName: "b".repeat(64) }, "boot")).toBeNull();
  expect(trustedRanges(text.replace('"v":1', '"v":2'), blob, "boot")).toBeNull();
  expect(trustedRanges("", blob, "boot")).toBeNull();
  const outside = { ...blob, written: [{ start: 0, end: 1001 }], synced: [] };
  expect(trustedRanges(encodeLine(outside, "boot"), blob, "boot")).toBeNull();
  const overlapping = [
    { start: 0, end: 10 },
    { start: 5, end: 20 },
  ];
  const crossed = encodeLine({ ...blob, written: overlapping, synced: [] }, "boot");
  expect(trustedRanges(crossed, blob, "boot")).toBeNull();
});

test("cut anywhere, the journal says what its last whole line said", () => {
  fc.assert(
    fc.property(states, anyShare(), (list, share) => {
      const lines = list.map((state) => encodeLine(state, "boot"));
      const text = lines.join("");
      const cut = Math.floor(text.length * share);
      let whole = 0;
      let length = 0;
      // The line's own break carries nothing: a line that lost only that is whole.
      while (whole < lines.length && length + (lines[whole]?.length ?? 0) - 1 <= cut) {
        length += lines[whole]?.length ?? 0;
        whole += 1;
      }
      const expected = whole === 0 ? null : (list[whole - 1]?.written ?? null);
      expect(trustedRanges(text.slice(0, cut), blob, "boot")).toEqual(expected);
    }),
  );
});

test("with any byte changed, a line is not believed", () => {
  fc.assert(
    fc.property(states, fc.nat(), fc.integer({ min: 1, max: 94 }), (list, where, by) => {
      const last = encodeLine(list.at(-1) ?? { ...blob, written: [], synced: [] }, "boot");
      const at = where % (last.length - 1);
      const changed = String.fromCharCode(((last.charCodeAt(at) - 32 + by) % 95) + 32);
      const text = last.slice(0, at) + changed + last.slice(at + 1);
      expect(trustedRanges(text, blob, "boot")).toBeNull();
    }),
  );
});

test("a journal of more than 256 KiB is begun anew with what is known then", async () => {
  const { files, read } = createMemoryDisk();
  const written = Array.from({ length: 300 }, (_, at) => ({ start: 3 * at, end: 3 * at + 1 }));
  const state = { ...blob, written, synced: [] };
  const journal = await openJournal(files, "journal", state, "boot");
  const lengths: number[] = [];
  while (read("journal").length > (lengths.at(-1) ?? 0)) {
    lengths.push(read("journal").length);
    await journal.append(state);
  }
  expect(lengths.at(-1)).toBeGreaterThan(256 * 1024);
  expect(lengths.at(-2)).toBeLessThanOrEqual(256 * 1024);
  expect(read("journal").toString()).toBe(encodeLine(state, "boot"));
});
