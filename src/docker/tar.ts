import type { Readable } from "node:stream";

const blockBytes = 512;
const largestOctal = 8 ** 11 - 1;

/** What fills the last block of a file. */
export function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((blockBytes - (sizeBytes % blockBytes)) % blockBytes);
}

/** What follows the last file of a tar. */
export const tarEnd = Buffer.alloc(2 * blockBytes);

/** A plain file of a tar, whole. */
export function tarEntry(path: string, bytes: Buffer): readonly Buffer[] {
  return [tarHeader(path, bytes.length), bytes, padding(bytes.length)];
}

/** Of a plain file, as POSIX ustar has it; sizes from 8 GiB on as GNU tar writes them, which Go reads too. */
export function tarHeader(path: string, sizeBytes: number): Buffer {
  const header = Buffer.alloc(blockBytes);
  header.write(path, 0, 100, "latin1");
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  if (sizeBytes <= largestOctal) {
    header.write(`${sizeBytes.toString(8).padStart(11, "0")}\0`, 124);
  } else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(sizeBytes), 128);
  }
  header.write("00000000000\0", 136);
  header.fill(" ", 148, 156);
  header.write("0", 156);
  header.write("ustar\x0000", 257, "latin1");
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** An entry of a tar. Its body must be read to its end before the next entry is asked for; what is left of it is passed over. */
export interface TarEntry {
  readonly path: string;
  /** "link": `target` names another entry, relative to its own folder where it is symbolic. */
  readonly kind: "file" | "link" | "other";
  readonly target: string;
  readonly isSymbolic: boolean;
  readonly sizeBytes: number;
  /** Its pieces are good only until the next is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

/** Names, and what PAX and GNU tar say of an entry before it. Nobody's are longer. */
const maxNameBytes = 1024 * 1024;

/** A tar that ends too soon, or is none. */
export class TarError extends Error {}

/**
 * The entries of a tar as they come: ustar, with the long names and large sizes of PAX and GNU tar.
 * @throws TarError; what the stream throws
 */
export async function* readTar(stream: Readable): AsyncGenerator<TarEntry> {
  const input = createInput(stream);
  let extra: Readonly<Record<string, string>> = {};
  for (;;) {
    const header = await input.take(blockBytes);
    if (header === null || header.every((byte) => byte === 0)) return;
    const type = String.fromCharCode(header[156] ?? 0);
    const sizeBytes = extra["size"] === undefined ? sizeIn(header) : Number(extra["size"]);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || !isSound(header)) {
      throw new TarError("it is not a tar");
    }
    const rest = (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
    if (type === "x" || type === "L" || type === "K") {
      if (sizeBytes > maxNameBytes) throw new TarError("a name in it is too long");
      const body = await input.take(sizeBytes + rest);
      if (body === null) throw new TarError("it ends too soon");
      const text = body.subarray(0, sizeBytes);
      extra =
        type === "x"
          ? { ...extra, ...paxOf(text) }
          : { ...extra, [type === "L" ? "path" : "linkpath"]: textIn(text) };
      continue;
    }
    const prefix = textIn(header.subarray(345, 500));
    const name = textIn(header.subarray(0, 100));
    const isLink = type === "1" || type === "2";
    let leftBytes = isLink ? 0 : sizeBytes;
    const restBytes = isLink ? 0 : rest;
    async function* read(): AsyncGenerator<Buffer> {
      while (leftBytes > 0) {
        const piece = await input.next(leftBytes);
        if (piece === null) throw new TarError("it ends too soon");
        leftBytes -= piece.length;
        yield piece;
      }
    }
    yield {
      path: extra["path"] ?? (prefix === "" ? name : `${prefix}/${name}`),
      kind: isLink ? "link" : type === "0" || type === "\0" ? "file" : "other",
      target: extra["linkpath"] ?? textIn(header.subarray(157, 257)),
      isSymbolic: type === "2",
      sizeBytes: isLink ? 0 : sizeBytes,
      body: read(),
    };
    extra = {};
    while (leftBytes > 0) {
      const piece = await input.next(leftBytes);
      if (piece === null) throw new TarError("it ends too soon");
      leftBytes -= piece.length;
    }
    if ((await input.take(restBytes)) === null) throw new TarError("it ends too soon");
  }
}

/** Pieces of a stream, cut as they are asked for. */
function createInput(stream: Readable) {
  const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let left: Buffer = Buffer.alloc(0);
  /** At least a byte, and no more than `most`; null at the end. */
  async function next(most: number): Promise<Buffer | null> {
    while (left.length === 0) {
      const come = await pieces.next();
      if (come.done === true) return null;
      left = come.value;
    }
    const piece = left.subarray(0, most);
    left = left.subarray(piece.length);
    return piece;
  }
  return {
    next,
    /** Exactly so many bytes; null where there are none left, or fewer. */
    async take(bytes: number): Promise<Buffer | null> {
      const taken: Buffer[] = [];
      for (let missing = bytes; missing > 0;) {
        const piece = await next(missing);
        if (piece === null) return null;
        taken.push(piece);
        missing -= piece.length;
      }
      return Buffer.concat(taken);
    },
  };
}

function textIn(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end === -1 ? bytes.length : end).toString("utf8");
}

function sizeIn(header: Buffer): number {
  if (((header[124] ?? 0) & 0x80) !== 0) return Number(header.readBigUInt64BE(128));
  const digits = textIn(header.subarray(124, 136)).trim();
  return /^[0-7]*$/u.test(digits) ? Number.parseInt(digits || "0", 8) : Number.NaN;
}

/** Its sum counts its own field as blanks. */
function isSound(header: Buffer): boolean {
  const told = Number.parseInt(textIn(header.subarray(148, 156)).trim(), 8);
  const sum = header.reduce(
    (all, byte, index) => all + (index >= 148 && index < 156 ? 0x20 : byte),
    0,
  );
  return told === sum;
}

/** Records of `LENGTH KEY=VALUE`, each with a line feed at its end. */
function paxOf(bytes: Buffer): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at < bytes.length;) {
    const blank = bytes.indexOf(0x20, at);
    const length = Number(bytes.subarray(at, Math.max(at, blank)).toString("latin1"));
    if (blank === -1 || !Number.isInteger(length) || length <= blank - at) break;
    const text = bytes.subarray(blank + 1, at + length - 1).toString("utf8");
    const equals = text.indexOf("=");
    if (equals > 0) found[text.slice(0, equals)] = text.slice(equals + 1);
    at += length;
  }
  return found;
}
