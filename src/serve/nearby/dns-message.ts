/**
 * Messages of multicast DNS (RFC 1035, 4; RFC 6762, 18), as far as services are found by them: what is of another type is passed over.
 * A name is a list of labels, for a label may hold a dot.
 */
export type DnsName = readonly string[];

export interface DnsQuestion {
  readonly name: DnsName;
  readonly type: number;
  /** The answer may come to who asks alone. */
  readonly unicast: boolean;
}

export type DnsRecord = {
  readonly name: DnsName;
  readonly ttlSeconds: number;
  /** All that was known of this name and type before is over. */
  readonly flush: boolean;
} & RecordData;

export type RecordData =
  | { readonly type: "A"; readonly address: string }
  | { readonly type: "PTR"; readonly target: DnsName }
  | { readonly type: "SRV"; readonly port: number; readonly target: DnsName }
  | { readonly type: "TXT"; readonly texts: readonly string[] };

export interface DnsMessage {
  readonly id: number;
  readonly isAnswer: boolean;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

export const dnsTypes = { A: 1, PTR: 12, TXT: 16, SRV: 33, ANY: 255 } as const;

/** Whether two names are the same, whatever the size of their letters (RFC 1035, 2.3.3). */
export function sameName(one: DnsName, other: DnsName): boolean {
  return keyOf(one) === keyOf(other);
}

/** Names that are the same have the same. */
export function keyOf(name: DnsName): string {
  return JSON.stringify(
    name.map((label) => label.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())),
  );
}

/** A packet of a network with large frames; RFC 6762, 17. */
const mostBytes = 9000;
/** Of all sections. Who has more to say is no server of ours. */
const mostRecords = 200;
const maxNameBytes = 255;
const internet = 1;
const topBit = 0x80_00;

/** Null for what is no such message: it may be anything. */
export function readMessage(packet: Buffer): DnsMessage | null {
  if (packet.length > mostBytes) return null;
  try {
    return read(packet);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** @throws RangeError where it ends too soon, as Buffer's own reads do */
function read(packet: Buffer): DnsMessage | null {
  const flags = packet.readUInt16BE(2);
  const counts = [4, 6, 8, 10].map((place) => packet.readUInt16BE(place));
  // Another kind of request, or an error.
  if ((flags & 0x78_0f) !== 0) return null;
  if (counts.reduce((sum, count) => sum + count, 0) > mostRecords) return null;
  const [asked = 0, ...recordCounts] = counts;
  let at = 12;
  const questions = Array.from({ length: asked }, () => {
    const { name, end } = readName(packet, at);
    const [type, kind] = [packet.readUInt16BE(end), packet.readUInt16BE(end + 2)];
    at = end + 4;
    return { name, type, kind };
  });
  const [answers = [], authorities = [], additionals = []] = recordCounts.map((count) =>
    Array.from({ length: count }, () => {
      const { record, end } = readRecord(packet, at);
      at = end;
      return record;
    }).filter((record) => record !== null),
  );
  return {
    id: packet.readUInt16BE(0),
    isAnswer: (flags & topBit) !== 0,
    questions: questions
      .filter(({ kind }) => isInternet(kind))
      .map(({ name, type, kind }) => ({ name, type, unicast: (kind & topBit) !== 0 })),
    answers,
    authorities,
    additionals,
  };
}

/** IN, or any; without the bit that means something of its own (RFC 6762, 18.12 and 18.13). */
function isInternet(kind: number): boolean {
  return [internet, dnsTypes.ANY].includes(kind & ~topBit);
}

function readRecord(packet: Buffer, at: number): { record: DnsRecord | null; end: number } {
  const { name, end: head } = readName(packet, at);
  const type = packet.readUInt16BE(head);
  const kind = packet.readUInt16BE(head + 2);
  const ttlSeconds = packet.readUInt32BE(head + 4);
  const start = head + 10;
  const end = start + packet.readUInt16BE(head + 8);
  if (end > packet.length) throw new RangeError("the record ends too soon");
  const data = isInternet(kind) ? readData(packet, { type, start, end }) : null;
  const flush = (kind & topBit) !== 0;
  return { record: data === null ? null : { name, ttlSeconds, flush, ...data }, end };
}

interface Place {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/** Null for other types, and where the length is wrong. */
function readData(packet: Buffer, { type, start, end }: Place): RecordData | null {
  switch (type) {
    case dnsTypes.A:
      return end - start === 4
        ? { type: "A", address: packet.subarray(start, end).join(".") }
        : null;
    case dnsTypes.PTR: {
      const target = readName(packet, start);
      return target.end === end ? { type: "PTR", target: target.name } : null;
    }
    case dnsTypes.SRV: {
      if (end - start < 7) return null;
      const target = readName(packet, start + 6);
      const port = packet.readUInt16BE(start + 4);
      return target.end === end ? { type: "SRV", port, target: target.name } : null;
    }
    case dnsTypes.TXT: {
      const texts: string[] = [];
      for (let at = start; at < end;) {
        const next = at + 1 + packet.readUInt8(at);
        if (next > end) return null;
        texts.push(packet.toString("utf8", at + 1, next));
        at = next;
      }
      return { type: "TXT", texts };
    }
    default:
      return null;
  }
}

/** A pointer leads backwards, so that it comes to an end (RFC 1035, 4.1.4). */
function readName(packet: Buffer, from: number): { name: DnsName; end: number } {
  const name: string[] = [];
  let bytes = 0;
  let end: number | null = null;
  let lowest = from;
  for (let at = from; ;) {
    const length = packet.readUInt8(at);
    if (length === 0) return { name, end: end ?? at + 1 };
    if (length >= 0xc0) {
      const target = packet.readUInt16BE(at) & 0x3f_ff;
      if (target >= lowest) throw new RangeError("the name leads forwards");
      end ??= at + 2;
      lowest = target;
      at = target;
      continue;
    }
    const next = at + 1 + length;
    bytes += 1 + length;
    if (length > 63 || bytes > maxNameBytes || next > packet.length) {
      throw new RangeError("the name is too long");
    }
    name.push(packet.toString("utf8", at + 1, next));
    at = next;
  }
}

/** A message without compressed names: ours are short. @throws RangeError for a label of more than 63 bytes */
export function writeMessage(message: DnsMessage): Buffer {
  const { id, isAnswer, questions, answers, authorities, additionals } = message;
  const sections = [answers, authorities, additionals];
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  // Of an answer, that it is authoritative.
  head.writeUInt16BE(isAnswer ? 0x84_00 : 0, 2);
  for (const [index, section] of [questions, ...sections].entries()) {
    head.writeUInt16BE(section.length, 4 + 2 * index);
  }
  return Buffer.concat([
    head,
    ...questions.flatMap(({ name, type, unicast }) => [
      writeName(name),
      numbers(type, internet | (unicast ? topBit : 0)),
    ]),
    ...sections.flat().flatMap((record) => {
      const data = writeData(record);
      const ttl = Buffer.alloc(4);
      ttl.writeUInt32BE(record.ttlSeconds);
      return [
        writeName(record.name),
        numbers(dnsTypes[record.type], internet | (record.flush ? topBit : 0)),
        ttl,
        numbers(data.length),
        data,
      ];
    }),
  ]);
}

function writeData(record: RecordData): Buffer {
  switch (record.type) {
    case "A":
      return Buffer.from(record.address.split(".").map(Number));
    case "PTR":
      return writeName(record.target);
    case "SRV":
      return Buffer.concat([numbers(0, 0, record.port), writeName(record.target)]);
    case "TXT":
      return Buffer.concat(record.texts.map(counted));
  }
}

function writeName(name: DnsName): Buffer {
  if (name.some((label) => label === "" || Buffer.byteLength(label) > 63)) {
    throw new RangeError(`${name.join(".")} is no name`);
  }
  return Buffer.concat([...name.map(counted), Buffer.alloc(1)]);
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 255) throw new RangeError(`${text} is too long`);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, 2 * index);
  return bytes;
}
