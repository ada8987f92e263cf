import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";

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
