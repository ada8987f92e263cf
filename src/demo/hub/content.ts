import { createHash, createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { ByteRange } from "../../run/byte-ranges.ts";
import { sendHead } from "../../serve/exchange.ts";
import { createGate, type Gate, type HubExchange } from "./exchange.ts";

const chunkBytes = 512 * 1024;

export interface MadeUpContent {
  readonly source: ByteSource;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
  /** All of them have to let a chunk pass; asked for each chunk, so that a new speed holds for what is under way. */
  gates(): readonly Gate[];
}

/** Answers GET or HEAD of a file, as `heros serve` does; its bytes are made up, slowed down, and may go wrong. */
export async function sendMadeUp(exchange: HubExchange, content: MadeUpContent): Promise<void> {
  const { source, etag, headers } = content;
  const { response, fault } = exchange;
  const known = { sizeBytes: source.sizeBytes, etag, headers };
  await sendHead(exchange, known, async ({ start, end }, begin) => {
    let body = { source, start, end };
    if (fault.gzip === true) {
      const packed = fixedBytes(gzipSync(readBytes(source, start, end)));
      body = { source: packed, start: 0, end: packed.sizeBytes };
      response.bodyBytes = packed.sizeBytes;
    }
    begin();
    const own = fault.bytesPerSecond === undefined ? [] : [createGate(fault.bytesPerSecond)];
    const gates = (): readonly Gate[] => [...content.gates(), ...own];
    if (gates().length > 0) response.flushHeaders();
    if (!(await pump(exchange, body, gates))) return;
    const { extraBytes = 0 } = fault;
    if (extraBytes > 0) response.write(readBytes(generatedBytes("extra", extraBytes)));
    response.end();
  });
}

interface Body extends ByteRange {
  readonly source: ByteSource;
}

/** Sends the bytes; false where a fault or the other side ended it early. */
async function pump(
  exchange: HubExchange,
  body: Body,
  gates: MadeUpContent["gates"],
): Promise<boolean> {
  const { response, record, fault, signal } = exchange;
  const stopAt =
    body.start + Math.min(fault.cutAfterBytes ?? Infinity, fault.stallAfterBytes ?? Infinity);
  const lastByte = Math.min(body.end, stopAt);

  for (let offset = body.start; offset < lastByte;) {
    const closed = gates();
    const slowest = Math.min(...closed.map((gate) => gate.bytesPerSecond));
    const maxBytes = Math.max(1024, Math.min(chunkBytes, Math.ceil(slowest / 40)));
    const chunk = body.source.slice(offset, Math.min(maxBytes, lastByte - offset));
    try {
      for (const gate of closed) await gate.pass(chunk.length, signal);
      if (signal.aborted) return false;
      if (!response.write(spoil(chunk, offset, fault.garbage))) {
        await once(response, "drain", { signal });
      }
    } catch {
      return false;
    }
    offset += chunk.length;
    record.sentBytes += chunk.length;
  }
  if (stopAt >= body.end) return true;
  response.flushHeaders();
  if (fault.cutAfterBytes !== undefined && fault.cutAfterBytes === stopAt - body.start) {
    if (fault.reset === true) {
      // Time to read what was sent: a reset throws away the rest.
      await sleep(10);
      response.socket?.resetAndDestroy();
    } else response.socket?.destroySoon();
  }
  return false;
}

/** The chunk, with those of its bytes that lie in the range inverted. */
function spoil(chunk: Buffer, offset: number, garbage: ByteRange | undefined): Buffer {
  if (garbage === undefined) return chunk;
  const from = Math.max(0, garbage.start - offset);
  const to = Math.min(chunk.length, garbage.end - offset);
  if (from >= to) return chunk;
  const spoilt = Buffer.from(chunk);
  for (let index = from; index < to; index++) spoilt[index] = (chunk[index] ?? 0) ^ 0xff;
  return spoilt;
}

/** Bytes of a known number, any range of which can be had without the rest. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** At least one and at most `maxBytes` bytes from this offset on. Must not be written to: the memory is shared. */
  slice(offset: number, maxBytes: number): Buffer;
}

const blockBytes = 1024 * 1024;
const poolBytes = 4 * blockBytes;
/** Odd, so that no two blocks of a file begin at the same place of the pool. */
const stride = 0x9e3779b1;

let sharedPool: Buffer | undefined;

/** Noise that does not compress; the first block stands again at the end, so that no slice wraps around. */
function pool(): Buffer {
  if (sharedPool === undefined) {
    const words = new Uint32Array((poolBytes + blockBytes) / 4);
    let state = 0x2545f491;
    for (let index = 0; index < poolBytes / 4; index++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[index] = Math.imul(state, 0x2c1b3c6d);
    }
    words.copyWithin(poolBytes / 4, 0, blockBytes / 4);
    sharedPool = Buffer.from(words.buffer);
  }
  return sharedPool;
}

/** Weights that nobody stored: each block is a window into one pool, at a place that seed and block number give. Nothing is copied. */
export function generatedBytes(seed: string, sizeBytes: number): ByteSource {
  const start = createHash("sha1").update(seed).digest().readUInt32LE(0);
  return {
    sizeBytes,
    slice(offset, maxBytes) {
      const block = Math.floor(offset / blockBytes);
      const inBlock = offset % blockBytes;
      const shift = ((start + Math.imul(block, stride)) >>> 0) % poolBytes;
      const length = Math.min(maxBytes, blockBytes - inBlock, sizeBytes - offset);
      return pool().subarray(shift + inBlock, shift + inBlock + length);
    },
  };
}

export function fixedBytes(content: string | Uint8Array): ByteSource {
  const bytes = Buffer.from(content);
  return {
    sizeBytes: bytes.length,
    slice: (offset, maxBytes) => bytes.subarray(offset, offset + maxBytes),
  };
}

/** The bytes from `start` to before `end`, copied into one buffer. */
export function readBytes(source: ByteSource, start = 0, end = source.sizeBytes): Buffer {
  const parts: Buffer[] = [];
  for (let offset = start; offset < end;) {
    const part = source.slice(offset, end - offset);
    parts.push(part);
    offset += part.length;
  }
  return Buffer.concat(parts);
}

/** Hex digest; lets other work in after each block. */
export async function hashBytes(
  algorithm: "sha1" | "sha256",
  source: ByteSource,
  prefix = "",
): Promise<string> {
  const hash = createHash(algorithm).update(prefix);
  for (let offset = 0; offset < source.sizeBytes;) {
    const part = source.slice(offset, blockBytes);
    hash.update(part);
    offset += part.length;
    if (source.sizeBytes > blockBytes) await nextTurn();
  }
  return hash.digest("hex");
}

/** Makes and checks signed addresses that are good for a while. */
export interface Links {
  sign(path: string): string;
  verify(url: URL): "good" | "expired" | "forged";
  /** Those signed so far are expired from now on. */
  expireAll(): void;
}

export function createLinks(origin: () => string, lifetimeSeconds: number): Links {
  const key = randomBytes(32);
  let generation = 0;
  const signature = (path: string, expires: string, given: string) =>
    createHmac("sha256", key).update(`${path}\n${expires}\n${given}`).digest("hex");
  return {
    sign(path) {
      const expires = String(Math.floor(Date.now() / 1000) + lifetimeSeconds);
      const url = new URL(path, origin());
      url.searchParams.set("Expires", expires);
      url.searchParams.set("Generation", String(generation));
      url.searchParams.set("Signature", signature(url.pathname, expires, String(generation)));
      return url.href;
    },
    verify(url) {
      const expires = url.searchParams.get("Expires") ?? "";
      const given = url.searchParams.get("Generation") ?? "";
      if (url.searchParams.get("Signature") !== signature(url.pathname, expires, given)) {
        return "forged";
      }
      return Number(given) < generation || Number(expires) * 1000 <= Date.now()
        ? "expired"
        : "good";
    },
    expireAll: () => void generation++,
  };
}
