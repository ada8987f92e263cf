import fc from "fast-check";
import { expect, it } from "vitest";
import {
  type DnsMessage,
  readMessage,
  writeMessage,
} from "../../../src/serve/nearby/dns-message.ts";

const label = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 20 });
const name = fc.array(label, { minLength: 1, maxLength: 4 });
const common = { name, ttlSeconds: fc.integer({ min: 0, max: 2 ** 31 }), flush: fc.boolean() };
const port = fc.integer({ min: 0, max: 65_535 });
const texts = fc.array(fc.string({ unit: "grapheme-ascii", maxLength: 99 }), { maxLength: 4 });
const record = fc.oneof(
  fc.record({ ...common, type: fc.constant("A" as const), address: fc.ipV4() }),
  fc.record({ ...common, type: fc.constant("PTR" as const), target: name }),
  fc.record({ ...common, type: fc.constant("SRV" as const), port, target: name }),
  fc.record({ ...common, type: fc.constant("TXT" as const), texts }),
);
const records = fc.array(record, { maxLength: 5 });
const question = fc.record({ name, type: fc.constantFrom(1, 12, 255), unicast: fc.boolean() });
const message: fc.Arbitrary<DnsMessage> = fc.record({
  id: fc.integer({ min: 0, max: 65_535 }),
  isAnswer: fc.boolean(),
  questions: fc.array(question, { maxLength: 3 }),
  answers: records,
  authorities: records,
  additionals: records,
});

it("reads what it writes", () => {
  fc.assert(
    fc.property(message, (each) => {
      expect(readMessage(writeMessage(each))).toEqual(each);
    }),
  );
});

it("takes whatever comes: cut off, changed, or made of anything", () => {
  const changed = fc
    .tuple(message, fc.nat(), fc.nat(255), fc.nat())
    .map(([each, place, value, length]) => {
      const bytes = writeMessage(each);
      bytes[place % bytes.length] = value;
      return bytes.subarray(0, length % (bytes.length + 1));
    });
  const anything = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(changed, anything), (packet) => {
      const read = readMessage(packet);
      expect(read === null || typeof read.id === "number").toBe(true);
    }),
  );
});

it("follows names that point backwards, and no others", () => {
  const head = (count: number) => [0, 0, 0x84, 0, 0, 0, 0, count, 0, 0, 0, 0];
  const local = [5, ...Buffer.from("local"), 0];
  const type = [0, 12, 0, 1, 0, 0, 0, 9];
  const pointer = Buffer.from([...head(1), ...local, ...type, 0, 4, 1, 97, 0xc0, 12]);
  expect(readMessage(pointer)?.answers).toMatchObject([
    { name: ["local"], target: ["a", "local"] },
  ]);
  const round = Buffer.from([...head(1), ...local, ...type, 0, 4, 1, 97, 0xc0, 29]);
  expect(readMessage(round)).toBeNull();
});

it("passes over records of other types, and messages with more than any server has", () => {
  const head = [0, 0, 0x84, 0, 0, 0];
  const unknown = [0, 0, 47, 0, 1, 0, 0, 0, 9, 0, 2, 1, 2];
  const address = [0, 0, 1, 0x80, 1, 0, 0, 0, 9, 0, 4, 10, 0, 0, 1];
  const both = Buffer.from([...head, 0, 2, 0, 0, 0, 0, ...unknown, ...address]);
  expect(readMessage(both)?.answers).toEqual([
    { type: "A", name: [], address: "10.0.0.1", ttlSeconds: 9, flush: true },
  ]);
  expect(readMessage(Buffer.from([...head, 255, 255, 0, 0, 0, 0]))).toBeNull();
  expect(readMessage(Buffer.alloc(9001))).toBeNull();
});
