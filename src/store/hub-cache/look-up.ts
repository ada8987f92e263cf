import { join } from "node:path";
import type { Files } from "../../host/host.ts";
import { type ByteRanges, addRange } from "../../run/byte-ranges.ts";
import {
  blobPath,
  foldersOf,
  formerPlaces,
  linkTarget,
  type RepoPlaces,
  snapshotPath,
  stagedPath,
} from "./layout.ts";

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
  files: Pick<Files, "stat" | "open">,
  places: RepoPlaces,
  { blobName, sizeBytes }: Wanted,
  bootId: () => Promise<string>,
): Promise<{ cached: boolean; held: ByteRanges }> {
  const found = await findBlob(files, places, { blobName, sizeBytes });
  if (found !== null) return { cached: true, held: [] };
  if (sizeBytes === 0) return { cached: false, held: [] };
  const { readPartial } = await import("../partial.ts");
  const blob = { blobName, sizeBytes };
  const boot = await bootId();
  const heldIn = (where: RepoPlaces): Promise<ByteRanges> =>
    readPartial(files, where, blob, boot).catch(() => []);
  const own = await heldIn(places);
  const held = own.length > 0 ? own : await heldIn(formerPlaces(places));
  return { cached: false, held: held.reduce((all: ByteRanges, one) => addRange(all, one), []) };
}

/**
 * The file with the blob's content: staged, or in its repository; null where it is missing or has another size. Looked for
 * in the order in which a blob moves on, so that one that does so meanwhile is not missed.
 */
export async function findBlob(
  files: Pick<Files, "stat">,
  places: RepoPlaces,
  { blobName, sizeBytes }: { blobName: string; sizeBytes: number },
): Promise<string | null> {
  const assembled = join(foldersOf(places.assembly).blobs, blobName);
  for (const file of [stagedPath(places, blobName), assembled, blobPath(places, blobName)]) {
    const found = await files.stat(file).catch(() => null);
    if (found !== null && found.isFile() && found.size === sizeBytes) return file;
  }
  return null;
}
