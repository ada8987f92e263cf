import { expect, test } from "vitest";
import { reconstruct } from "../../bench/download/xet/reconstruct.ts";
import { readShard, type Chunk } from "../../bench/download/xet/store.ts";

/** Chunks of 100 bytes each, stored in 60. */
function chunks(count: number): Chunk[] {
  return Array.from({ length: count }, (_, index) => ({
    offset: index * 60,
    storedBytes: 60,
    unpackedBytes: 100,
  }));
}

const xorbs = new Map([
  ["a", chunks(10)],
  ["b", chunks(3)],
]);
/** 400 bytes of one xorb, 300 of another, and 200 of the first again, of which half were there before. */
const terms = [
  { xorb: "a", firstChunk: 1, endChunk: 5 },
  { xorb: "b", firstChunk: 0, endChunk: 3 },
  { xorb: "a", firstChunk: 4, endChunk: 6 },
];
const ask = (start: number, end: number) =>
  reconstruct(terms, xorbs, { start, end }, (xorb) => `http://content/${xorb}`);

test("a whole file names each xorb once, with chunks that overlap as one range", () => {
  expect(ask(0, Number.MAX_SAFE_INTEGER)).toEqual({
    offset_into_first_range: 0,
    terms: [
      { hash: "a", unpacked_length: 400, range: { start: 1, end: 5 } },
      { hash: "b", unpacked_length: 300, range: { start: 0, end: 3 } },
      { hash: "a", unpacked_length: 200, range: { start: 4, end: 6 } },
    ],
    xorbs: {
      a: [
        {
          url: "http://content/a",
          ranges: [{ chunks: { start: 1, end: 6 }, bytes: { start: 60, end: 359 } }],
        },
      ],
      b: [
        {
          url: "http://content/b",
          ranges: [{ chunks: { start: 0, end: 3 }, bytes: { start: 0, end: 179 } }],
        },
      ],
    },
  });
});

test("a range takes the chunks that hold it, and says how much of the first comes before", () => {
  expect(ask(350, 401)).toEqual({
    offset_into_first_range: 50,
    terms: [
      { hash: "a", unpacked_length: 100, range: { start: 4, end: 5 } },
      { hash: "b", unpacked_length: 100, range: { start: 0, end: 1 } },
    ],
    xorbs: {
      a: [
        {
          url: "http://content/a",
          ranges: [{ chunks: { start: 4, end: 5 }, bytes: { start: 240, end: 299 } }],
        },
      ],
      b: [
        {
          url: "http://content/b",
          ranges: [{ chunks: { start: 0, end: 1 }, bytes: { start: 0, end: 59 } }],
        },
      ],
    },
  });
});

test("past the end there is nothing", () => {
  expect(ask(900, 1000)).toBeNull();
});

test("a shard's files are read over what their flags add", () => {
  const entry = (hash: Buffer, ...numbers: [number, number, number, number]) => {
    const tail = Buffer.alloc(16);
    for (const [index, number] of numbers.entries()) tail.writeUInt32LE(number, index * 4);
    return Buffer.concat([hash, tail]);
  };
  const [first, second, xorb] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  const filler = Buffer.alloc(48, 9);
  const shard = Buffer.concat([
    filler,
    entry(first, 0xc000_0000, 2, 0, 0),
    entry(xorb, 0, 500, 0, 5),
    entry(xorb, 0, 100, 7, 8),
    filler,
    filler,
    filler,
    entry(second, 0, 1, 0, 0),
    entry(xorb, 0, 300, 5, 7),
    entry(Buffer.alloc(32, 0xff), 0, 0, 0, 0),
  ]);
  const hash = "03".repeat(32);
  expect(readShard(shard)).toEqual(
    new Map([
      [
        "01".repeat(32),
        [
          { xorb: hash, firstChunk: 0, endChunk: 5 },
          { xorb: hash, firstChunk: 7, endChunk: 8 },
        ],
      ],
      ["02".repeat(32), [{ xorb: hash, firstChunk: 5, endChunk: 7 }]],
    ]),
  );
});

test("a hash is written as four little-endian numbers", () => {
  const shard = Buffer.alloc(3 * 48);
  for (let index = 0; index < 32; index += 1) shard.writeUInt8(index, 48 + index);
  shard.fill(0xff, 96, 128);
  expect([...readShard(shard).keys()]).toEqual([
    "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918",
  ]);
});
