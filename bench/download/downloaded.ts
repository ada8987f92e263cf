import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Server } from "./server.ts";

type Served = Pick<Server, "files">;

/** Whether what heros or Python's client put into the cache in their folder is what was served; null where a file is not there. */
export async function holdsHash(folder: string, { files }: Served): Promise<boolean | null> {
  let same = true;
  for (const { repo, blobName, sha256 } of files) {
    const blob = join(folder, "cache", `models--${repo.replace("/", "--")}`, "blobs", blobName);
    if (!existsSync(blob)) return null;
    const hash = createHash("sha256");
    await pipeline(createReadStream(blob), hash);
    same &&= hash.digest("hex") === sha256;
  }
  return same;
}

/** @throws Error where it is not */
export async function requireHash(folder: string, server: Served): Promise<void> {
  const same = await holdsHash(folder, server);
  if (same === true) return;
  throw new Error(`${folder} ${same === null ? "lacks a file" : "has a file with a wrong hash"}`);
}
