import type { Files } from "../host/host.ts";
import { type ByteRanges, addRange } from "./byte-ranges.ts";
import { blobPath, linkTarget, type RepoPlaces, snapshotPath } from "./cache-layout.ts";

interface Wanted {
  readonly path: string;
  readonly blobName: string;
  readonly sizeBytes: number;
}

/**
 * Whether a snapshot has this file for good: its link leads to the blob of this name (or it is a plain copy),
 * and what it leads to has the right size. A dangling link and a wrong size are not taken.
 */
export async function lookAtFile(
  files: Pick<Files, "stat" | "readlink">,
  places: RepoPlaces,
  commit: string,
  { path, blobName, sizeBytes }: Wanted,
): Promise<boolean> {
  const place = snapshotPath(places, commit, path);
  const [found, target] = await Promise.all([
    files.stat(place).catch(() => null),
    files.readlink(place).catch(() => null),
  ]);
  if (found === null || !found.isFile() || found.size !== sizeBytes) return false;
  return target === null || target === linkTarget(path, blobName);
}

/** Whether the blob is there, or how much of its partial can be trusted. A blob may be a link into a shared store. */
export async function lookAtBlob(
  files: Pick<Files, "stat" | "lstat" | "readFile">,
  places: RepoPlaces,
  { blobName, sizeBytes }: Wanted,
  bootId: () => Promise<string>,
): Promise<{ cached: boolean; held: ByteRanges }> {
  if (await hasBlob(files, places, { blobName, sizeBytes })) return { cached: true, held: [] };
  if (sizeBytes === 0) return { cached: false, held: [] };
  const { readPartial } = await import("./partial.ts");
  const held = await readPartial(files, places, { blobName, sizeBytes }, await bootId());
  return { cached: false, held: held.reduce((all: ByteRanges, one) => addRange(all, one), []) };
}

export async function hasBlob(
  files: Pick<Files, "stat">,
  places: RepoPlaces,
  { blobName, sizeBytes }: { blobName: string; sizeBytes: number },
): Promise<boolean> {
  const found = await files.stat(blobPath(places, blobName)).catch(() => null);
  return found !== null && found.isFile() && found.size === sizeBytes;
}
