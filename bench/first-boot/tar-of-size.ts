import { createCipheriv, createHash } from "node:crypto";
import { Readable } from "node:stream";
import { tarHeader } from "../../src/docker/tar.ts";

const fileBytes = 2 * 1024 * 1024;
const blockBytes = 64 * 1024;

/**
 * A tar of files that are packed to so many bytes, the same for the same name.
 * @param ratio how many times that it is unpacked: the rest of each block is text
 */
export function tarOfSize(name: string, packedBytes: number, ratio: number): Readable {
  return Readable.from(filesOfSize(name, packedBytes * ratio, 1 / ratio), { objectMode: false });
}

function* filesOfSize(name: string, bytes: number, noiseShare: number): Generator<Buffer> {
  const key = createHash("sha256").update(name).digest();
  const noise = createCipheriv("aes-128-ctr", key.subarray(0, 16), key.subarray(16));
  const noiseBytes = Math.round(blockBytes * noiseShare);
  const zeros = Buffer.alloc(noiseBytes);
  const text = Buffer.alloc(blockBytes - noiseBytes, `${name}: text that repeats itself\n`);
  for (let made = 0, index = 0; made < bytes; made += fileBytes, index += 1) {
    yield tarHeader(`bulk/${name}/${index}`, fileBytes);
    for (let at = 0; at < fileBytes; at += blockBytes) {
      yield Buffer.concat([noise.update(zeros), text]);
    }
  }
  yield Buffer.alloc(1024);
}
