import { mkdtemp, rm, statfs } from "node:fs/promises";
import { join } from "node:path";

/** A folder inside another that is gone when the work is done. */
export async function insideFolder<Result>(
  parent: string,
  prefix: string,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(parent, prefix));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** @throws Error where a folder's disk has less free than that */
export async function requireSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= neededBytes) return;
  const [needed, free] = [neededBytes, bavail * bsize].map((bytes) => (bytes / 1e9).toFixed(1));
  throw new Error(`${folder} needs ${needed} GB free and has ${free}; give another with --dir`);
}
