import { open } from "node:fs/promises";
import { join } from "node:path";
import { hashBytes, type ByteSource } from "../../../src/demo/hub/content.ts";
import { hostCommit, type ServedFile } from "../hosted-files.ts";
import type { Hosted } from "../server.ts";
import { readStore, storeFolder, xorbFolder } from "./store.ts";
import { uploadFile } from "./upload.ts";

/** One model of one file, which the server has as a file and as chunks. */
export async function hostInXet(
  folder: string,
  venv: string,
  source: ByteSource,
): Promise<readonly ServedFile[]> {
  const { sizeBytes } = source;
  const sha256 = await hashBytes("sha256", source);
  const repo = "bench/xet";
  const commit = sha256.slice(0, 40);
  const names = { gitSha1: commit, sha256, blobName: sha256, pointerBytes: 134 };
  const identify = () => Promise.resolve({ sizeBytes, lfs: true, ...names });
  return hostCommit(folder, {
    repo,
    commit,
    files: [{ repo, path: "model.safetensors", lfs: true, source, identify }],
    upload: (blob) => uploadFile(venv, join(folder, storeFolder), blob),
  });
}

/** Inverts the same byte of a file in both: in the file itself, and in the first chunk, which noise leaves uncompressed. */
export async function damage({ folder, files }: Hosted): Promise<void> {
  const store = await readStore(join(folder, storeFolder));
  for (const { blobName, xetHash = "" } of files) {
    const [term] = store.files.get(xetHash) ?? [];
    const [chunk] = store.xorbs.get(term?.xorb ?? "") ?? [];
    if (term === undefined || chunk === undefined) throw new Error("The store has no such file");
    const xorb = join(folder, storeFolder, xorbFolder, `default.${term.xorb}`);
    await invertByte(join(folder, "blobs", blobName), 1000);
    await invertByte(xorb, chunk.storedBytes - chunk.unpackedBytes + 1000);
  }
}

async function invertByte(path: string, offset: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, offset);
    byte.writeUInt8(byte.readUInt8(0) ^ 0xff, 0);
    await file.write(byte, 0, 1, offset);
  } finally {
    await file.close();
  }
}
