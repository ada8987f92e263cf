import { open, readdir, readFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

/** A stretch of a file: these chunks of a xorb, end exclusive. */
export interface Term {
  readonly xorb: string;
  readonly firstChunk: number;
  readonly endChunk: number;
}

export interface Chunk {
  /** Where its header begins in the xorb, and how long header and data are. */
  readonly offset: number;
  readonly storedBytes: number;
  readonly unpackedBytes: number;
}

export interface XetStore {
  /** By the file's Xet hash. */
  readonly files: ReadonlyMap<string, readonly Term[]>;
  /** By the xorb's hash. */
  readonly xorbs: ReadonlyMap<string, readonly Chunk[]>;
}

/** The store of chunks in the served folder. */
export const storeFolder = "xet-store";
/** Where hf_xet puts them below the folder of an upload to `local://`. */
export const xorbFolder = "xet/xorbs/xorbs";
const shardFolder = "xet/xorbs/shards";
const xorbName = /^default\.(?<hash>[0-9a-f]{64})$/u;

/** Every shard and every xorb that an upload left in the folder. */
export async function readStore(folder: string): Promise<XetStore> {
  const files = new Map<string, readonly Term[]>();
  for (const name of await readdir(join(folder, shardFolder))) {
    if (!name.endsWith(".mdb")) continue;
    const shard = await readFile(join(folder, shardFolder, name));
    for (const [hash, terms] of readShard(shard)) files.set(hash, terms);
  }
  const xorbs = new Map<string, readonly Chunk[]>();
  for (const name of await readdir(join(folder, xorbFolder))) {
    const hash = xorbName.exec(name)?.groups?.["hash"];
    if (hash === undefined) continue;
    const file = await open(join(folder, xorbFolder, name));
    try {
      xorbs.set(hash, await readChunks(file));
    } finally {
      await file.close();
    }
  }
  return { files, xorbs };
}

const entryBytes = 48;
const withVerification = 0x8000_0000;
const withMetadata = 0x4000_0000;

/**
 * The files that a shard describes: entries of 48 bytes, the first of which is the shard's header.
 *
 * @see https://huggingface.co/docs/xet/shard
 */
export function readShard(shard: Buffer): Map<string, Term[]> {
  const files = new Map<string, Term[]>();
  for (let at = entryBytes; !isBookend(shard, at);) {
    const flags = shard.readUInt32LE(at + 32);
    const count = shard.readUInt32LE(at + 36);
    const terms = Array.from({ length: count }, (_, index) => {
      const entry = at + entryBytes * (index + 1);
      return {
        xorb: hashAt(shard, entry),
        firstChunk: shard.readUInt32LE(entry + 40),
        endChunk: shard.readUInt32LE(entry + 44),
      };
    });
    files.set(hashAt(shard, at), terms);
    const verification = (flags & withVerification) === 0 ? 0 : count;
    const metadata = (flags & withMetadata) === 0 ? 0 : 1;
    at += entryBytes * (1 + count + verification + metadata);
  }
  return files;
}

function isBookend(shard: Buffer, at: number): boolean {
  return shard.subarray(at, at + 32).every((byte) => byte === 0xff);
}

/** Four little-endian numbers of 8 bytes, which is how Xet writes its hashes. */
function hashAt(bytes: Buffer, at: number): string {
  return [0, 8, 16, 24]
    .map((offset) =>
      bytes
        .readBigUInt64LE(at + offset)
        .toString(16)
        .padStart(16, "0"),
    )
    .join("");
}

const headerBytes = 8;

/**
 * A xorb is chunk after chunk, each with a header of 8 bytes, until the footer begins.
 *
 * @see https://huggingface.co/docs/xet/xorb
 */
async function readChunks(file: FileHandle): Promise<Chunk[]> {
  const { size } = await file.stat();
  const header = Buffer.alloc(headerBytes);
  const chunks: Chunk[] = [];
  for (let offset = 0; offset < size;) {
    await file.read(header, 0, headerBytes, offset);
    const [version, storedBytes, unpackedBytes] = [
      header.readUInt8(0),
      headerBytes + header.readUIntLE(1, 3),
      header.readUIntLE(5, 3),
    ];
    if (version !== 0) break;
    chunks.push({ offset, storedBytes, unpackedBytes });
    offset += storedBytes;
  }
  return chunks;
}
