import type { Files } from "../../host/host.ts";
import { errorCode } from "../../run/failure.ts";
import { type ContentPlace, copyFile } from "../contents.ts";
import { inFolder, type NeededSpace, type Survey, type WantedBlob } from "../store.ts";
import { placesOf } from "./layout.ts";
import { findBlob } from "./look-up.ts";

/** Caches of earlier setups: what is in them is taken over, and stays there. */
export interface EarlierCaches {
  /** Absolute, the latest first. */
  readonly folders: readonly string[];
  /** Ends a copy. */
  readonly signal: AbortSignal;
}

export interface EarlierBlob {
  /** Links followed. */
  readonly path: string;
  /** The number of its file system. */
  readonly disk: number;
}

/** Where an earlier cache has a blob, verified and whole; null where none has. */
export async function findEarlier(
  files: Pick<Files, "stat" | "realpath">,
  { folders }: EarlierCaches,
  blob: Pick<WantedBlob, "repo" | "blobName" | "sizeBytes">,
): Promise<EarlierBlob | null> {
  for (const folder of folders) {
    const found = await findBlob(files, placesOf(folder, blob.repo), blob);
    if (found === null) continue;
    const [path, { dev }] = await Promise.all([files.realpath(found), files.stat(found)]);
    return { path, disk: dev };
  }
  return null;
}

/** A second name for the same file can't be had: on another disk, of another user, on a file system that has none. */
const withoutLinks = new Set(["EXDEV", "EPERM", "EACCES", "EMLINK", "ENOTSUP", "EOPNOTSUPP"]);

/**
 * Gives a blob of an earlier cache a place in this one: by a second name of the same file, which takes no space, else by a
 * copy, which has its name once it is on the disk. @throws Node's errors, AbortError
 */
export async function takeOver(
  files: Files,
  { from, sizeBytes, place }: { from: EarlierBlob; sizeBytes: number; place: ContentPlace },
  signal: AbortSignal,
): Promise<void> {
  const { content: to, folder } = place;
  try {
    await inFolder(files, folder, () => files.link(from.path, to));
  } catch (error) {
    const code = errorCode(error) ?? "";
    if (code === "EEXIST") return;
    if (!withoutLinks.has(code)) throw error;
    const ranges = sizeBytes === 0 ? [] : [{ start: 0, end: sizeBytes }];
    await copyFile(files, { from: from.path, to, sizeBytes, ranges }, signal);
  }
}

/** What is to be copied to the disk of a cache, which nothing has to be downloaded for. */
export async function spaceForCopies(
  files: Pick<Files, "stat" | "realpath">,
  earlier: EarlierCaches,
  { survey: { blobs }, cache }: { readonly survey: Survey; readonly cache: NeededSpace },
): Promise<readonly NeededSpace[]> {
  let bytes = 0;
  for (const blob of blobs.filter(({ cached }) => !cached)) {
    const found = await findEarlier(files, earlier, blob);
    if (found !== null && found.disk !== cache.disk) bytes += blob.sizeBytes;
  }
  return bytes === 0 ? [] : [{ ...cache, bytes }];
}
