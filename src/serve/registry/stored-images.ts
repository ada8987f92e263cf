import type { Host } from "../../host/host.ts";
import { indexTypeOf } from "../../run/repos/image-index.ts";
import { isDigest, parseImageReference, revisionOf } from "../../source/oci/reference.ts";
import type { ImageContent } from "../../store/store.ts";
import { hasBlob, hexOf, imagePlacesOf, readRecords } from "../../store/images/manifests.ts";
import type { Exchange, Refusal } from "../exchange.ts";
import type { ServedImages, ServedRepository } from "./served-images.ts";

export interface StoredImagesOptions {
  readonly host: Pick<Host, "files" | "clock">;
  /** The root of the Hub cache: images are below its `.heros`. */
  readonly cacheDir: string;
  /** Whether anybody may have an image: its registry gives it without a login. */
  readonly isPublic: (image: ImageContent) => Promise<boolean>;
  /** Brings an image that is not here, or not whole; false where it can't be had. Left out, nothing is brought. */
  readonly bring?: (repository: ServedRepository, reference: string) => Promise<boolean>;
  /** Whether an image that is not whole is on its way. Left out, none is. */
  readonly isComing?: (image: ImageContent) => boolean;
  /** Ends once the blob, which is wanted and not here, is verified. */
  readonly arrival?: (digest: string, signal: AbortSignal) => Promise<void>;
}

/** What is written down of images is read again after so long. */
const knownForMs = 1000;

/** The images that are kept beside the models of a cache, by their own names. */
export function storedImages(options: StoredImagesOptions): ServedImages {
  const { host, cacheDir, isPublic, bring, isComing, arrival } = options;
  const { files, clock } = host;
  const places = imagePlacesOf(cacheDir);
  let known: Promise<readonly ImageContent[]> | null = null;
  let readAtMs = 0;

  function records(): Promise<readonly ImageContent[]> {
    const nowMs = clock.monotonicMs();
    if (known === null || nowMs - readAtMs > knownForMs) {
      readAtMs = nowMs;
      known = readRecords(files, places).catch(() => []);
    }
    return known;
  }
  async function imagesOf({ registry, repository }: ServedRepository) {
    return (await records()).filter(({ repo }) => repo === `oci:${registry}/${repository}`);
  }
  async function mayHave(exchange: Exchange, image: ImageContent): Promise<Refusal | null> {
    if (exchange.authorized && exchange.confidential) return null;
    if (await isPublic(image)) return null;
    if (exchange.confidential) return { status: 401, message: "this image needs a login" };
    return { status: 403, message: "this image is given over TLS alone, with a login" };
  }
  async function isComplete(image: ImageContent): Promise<boolean> {
    const blobs = [image.config, ...image.layers];
    const there = await Promise.all(blobs.map((blob) => hasBlob(files, places, blob)));
    return there.every(Boolean);
  }

  /** The image that a tag or a digest leads to, whole or on its way. */
  async function find(repository: ServedRepository, reference: string) {
    const isIt = (image: ImageContent): boolean =>
      isDigest(reference)
        ? [image.digest, image.manifestDigest].includes(reference)
        : revisionOf(parseImageReference(image.name)) === reference;
    const own = (await imagesOf(repository)).find(isIt);
    if (own !== undefined && (isComing?.(own) === true || (await isComplete(own)))) return own;
    if (bring === undefined || !(await bring(repository, reference))) return undefined;
    known = null;
    return (await imagesOf(repository)).find(isIt);
  }

  return {
    async findManifest(exchange, repository, reference) {
      const image = await find(repository, reference);
      if (image === undefined) return null;
      const refusal = await mayHave(exchange, image);
      if (refusal !== null) return refusal;
      const { digest, manifestDigest, index, manifest, mediaType } = image;
      return index !== null && reference !== manifestDigest
        ? { digest, mediaType: indexTypeOf(index), bytes: index }
        : { digest: manifestDigest, mediaType, bytes: manifest };
    },
    async findBlob(exchange, repository, digest) {
      if (!isDigest(digest)) return null;
      for (const image of await imagesOf(repository)) {
        const blob = [image.config, ...image.layers].find((each) => each.digest === digest);
        if (blob === undefined) continue;
        const refusal = await mayHave(exchange, image);
        if (refusal !== null) return refusal;
        const isHere = await hasBlob(files, places, blob);
        if (!isHere && arrival === undefined) continue;
        return {
          digest,
          sizeBytes: blob.sizeBytes,
          async open() {
            if (!isHere) await arrival?.(digest, exchange.signal);
            return files.open(`${places.blobs}/${hexOf(digest)}`);
          },
        };
      }
      return null;
    },
    async tags(exchange, repository) {
      const named = await imagesOf(repository);
      const open = await Promise.all(named.map((image) => mayHave(exchange, image)));
      const tags = named.flatMap(({ name }, index) => {
        const { tag, digest } = parseImageReference(name);
        return open[index] === null && digest === null ? [tag ?? "latest"] : [];
      });
      const [refusal] = open;
      if (tags.length === 0 && refusal !== null && refusal !== undefined) return refusal;
      return tags.toSorted();
    },
  };
}
