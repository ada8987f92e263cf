import { createCipheriv, createHash } from "node:crypto";
import type { ByteSource } from "../../src/demo/hub/content.ts";

const blockBytes = 1024 * 1024;
/** Of the weights of a layer of a language model, about. */
const deviation = 0.02;

/** Bytes that neither compress nor occur twice, as in quantised weights. */
export function noise(seed: string, sizeBytes: number): ByteSource {
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  return inBlocks(sizeBytes, (index) => {
    const start = Buffer.alloc(16);
    // The counter of the cipher: a block of ours takes 2^16 of its own.
    start.writeBigUInt64BE(BigInt(index) << 16n, 8);
    return createCipheriv("aes-128-ctr", key, start).update(Buffer.alloc(blockBytes));
  });
}

/** Normally distributed bf16: sign and exponent have few values, so that they compress a little, as real weights do. */
export function bf16Weights(seed: string, sizeBytes: number): ByteSource {
  const random = noise(seed, sizeBytes);
  const values = quantiles();
  return inBlocks(sizeBytes, (index) => {
    const bytes = Buffer.alloc(blockBytes);
    random.slice(index * blockBytes, blockBytes).copy(bytes);
    const words = new Uint16Array(bytes.buffer, bytes.byteOffset, blockBytes / 2);
    for (let at = 0; at < words.length; at += 1) words[at] = values[words[at] ?? 0] ?? 0;
    return bytes;
  });
}

/** A block is made when it is first read, and kept until another is. */
function inBlocks(sizeBytes: number, makeBlock: (index: number) => Buffer): ByteSource {
  let made: { index: number; block: Buffer } = { index: -1, block: Buffer.alloc(0) };
  return {
    sizeBytes,
    slice(offset, maxBytes) {
      const index = Math.floor(offset / blockBytes);
      if (made.index !== index) made = { index, block: makeBlock(index) };
      const start = offset % blockBytes;
      const length = Math.min(maxBytes, blockBytes - start, sizeBytes - offset);
      return made.block.subarray(start, start + length);
    },
  };
}

/** The bf16 value at each 65536th of the normal distribution, by walking along its density. */
function quantiles(): Uint16Array {
  const [steps, reach] = [1 << 20, 5];
  const values = new Uint16Array(65_536);
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  const width = (2 * reach) / steps;
  let below = 0;
  let next = 0;
  for (let step = 0; step < steps && next < values.length; step += 1) {
    const x = (step + 0.5) * width - reach;
    below += (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * width;
    for (; next < values.length && (next + 0.5) / values.length <= below; next += 1) {
      float[0] = x * deviation;
      values[next] = (bits[0] ?? 0) >>> 16;
    }
  }
  return values;
}
