import { createHash } from "node:crypto";
import { join } from "node:path";
import { inFolder, type ImageContent, type OciBlob } from "../store.ts";
import { makeCacheFolder } from "../contents.ts";
import { type ImagesAt, publishImage, wantImages } from "./keep-image.ts";
import { hasBlob, hexOf, openImagePlaces } from "./manifests.ts";

/** Blobs that come without anybody having said what they hash to: out of an archive of Docker's. */
export interface BlobIntake {
  /**
   * Writes a content, which is named after what it hashes to. One that is there already is not written twice.
   * @throws Node's errors; what `pieces` throws; AbortError
   */
  take(pieces: AsyncIterable<Buffer>, signal: AbortSignal): Promise<OciBlob>;
  /** A blob that was taken, or lay here before; null for one that is longer than `maxBytes`, or not here. */
  read(digest: string, maxBytes: number): Promise<Buffer | null>;
  has(blob: OciBlob): Promise<boolean>;
  /** Writes down what an image is made of, before its first byte. @throws Node's errors */
  want(image: ImageContent): Promise<void>;
  /** Makes an image whole, all of whose layers are here. @throws Node's errors, AbortError */
  keep(image: ImageContent, signal: AbortSignal): Promise<void>;
}

const lockRetryMs = 500;

/** Opens the image store of a cache for such blobs. @throws Failure `cache.foreign_link`, `cache.broken_link` (1); Node's errors */
export async function openIntake(at: ImagesAt & { readonly pid: number }): Promise<BlobIntake> {
  const { host, cacheDir, pid } = at;
  const { files } = host;
  await makeCacheFolder(files, cacheDir);
  const places = await openImagePlaces(files, cacheDir);
  for (const folder of [places.blobs, places.partials, places.locks, places.manifests]) {
    await files.mkdir(folder, { recursive: true });
  }
  let taken = 0;
  const pathOf = (digest: string): string => join(places.blobs, hexOf(digest));
  return {
    async take(pieces, signal) {
      const temporary = join(places.partials, `${pid}-${(taken += 1)}.heros-taken`);
      await files.rm(temporary, { force: true });
      const handle = await inFolder(files, places.partials, () => files.open(temporary, "wx"));
      const hash = createHash("sha256");
      let sizeBytes = 0;
      try {
        try {
          for await (const piece of pieces) {
            signal.throwIfAborted();
            hash.update(piece);
            await handle.writeFile(piece);
            sizeBytes += piece.length;
          }
          await handle.datasync();
        } finally {
          await handle.close();
        }
        const blob = { digest: `sha256:${hash.digest("hex")}`, sizeBytes };
        if (!(await hasBlob(files, places, blob))) {
          await inFolder(files, places.blobs, () => files.rename(temporary, pathOf(blob.digest)));
        }
        return blob;
      } finally {
        await files.rm(temporary, { force: true });
      }
    },
    async read(digest, maxBytes) {
      const found = await files.lstat(pathOf(digest)).catch(() => null);
      if (found === null || !found.isFile() || found.size > maxBytes) return null;
      return files.readFile(pathOf(digest));
    },
    has: (blob) => hasBlob(files, places, blob),
    want: (image) => wantImages(at, places, [image]),
    async keep(image, signal) {
      await wantImages(at, places, [image]);
      await publishImage(at, places, { image, lockRetryMs, signal });
    },
  };
}
