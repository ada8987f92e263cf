import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { digestOf, type Document, readBlob, readManifest } from "./content.ts";
import {
  chooseEntry,
  type Descriptor,
  type ImageManifest,
  type LayerDescriptor,
  parseConfig,
  parseManifest,
  type Platform,
} from "./manifest.ts";
import { type ImageReference, revisionOf } from "./reference.ts";
import type { Asked, RegistrySession } from "./request.ts";

/** An image for one platform, all of whose parts are known by digest and size. */
export interface ResolvedImage {
  readonly reference: ImageReference;
  /** What an engine calls it by after a pull: of the index where there is one, else of the manifest. */
  readonly digest: string;
  readonly manifestDigest: string;
  /** Of the manifest. */
  readonly mediaType: string;
  /** As the registry gave it; null where the name leads to a manifest. */
  readonly index: Buffer | null;
  readonly manifest: Buffer;
  readonly config: Descriptor;
  /** From the lowest on; one that stands there twice is listed twice. */
  readonly layers: readonly LayerDescriptor[];
  /** Of the unpacked layers, from the lowest on. */
  readonly diffIds: readonly string[];
}

/** An index may name another one; nobody goes deeper than this. */
const maxIndexes = 3;
/** A document that arrives damaged is asked for so often. */
const maxTries = 3;

/**
 * What an image's name stands for at a registry: its manifest for this platform, and what its configuration says. Each is
 * checked by its digest.
 * @throws Failure `image.not_found`, `image.denied`, `image.unusable`, … (2), `image.no_platform` (4), `image.damaged` (6);
 *   TransientError, Node's errors, AbortError
 */
export async function resolveImage(
  session: RegistrySession,
  { reference, asked, platform }: { reference: ImageReference; asked: Asked; platform: Platform },
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const { image } = asked;
  const read = (revision: string): Promise<Document> =>
    untilSound(() => readManifest(session, asked, revision, signal));
  const named = await read(revisionOf(reference));
  let document = named;
  let manifest = parseManifest(document, image);
  for (let depth = 0; manifest.kind === "index"; depth += 1) {
    if (depth === maxIndexes) {
      throw failure("image.unusable", { image, problem: "its index leads to ever more indexes" });
    }
    const entry = chooseEntry(manifest.entries, platform, image);
    document = await read(entry.digest);
    manifest = parseManifest(document, image);
  }
  const { mediaType, config, layers } = manifest;
  const bytes = await readConfig(session, asked, manifest, signal);
  const { diffIds } = parseConfig(bytes, { image, wanted: platform, layers: layers.length });
  return {
    reference,
    digest: named.digest,
    manifestDigest: document.digest,
    mediaType,
    index: document === named ? null : named.bytes,
    manifest: document.bytes,
    config,
    layers,
    diffIds,
  };
}

function readConfig(
  session: RegistrySession,
  asked: Asked,
  { config }: ImageManifest,
  signal: AbortSignal,
): Promise<Buffer> {
  const { digest: expected, sizeBytes } = config;
  return untilSound(async () => {
    const bytes = await readBlob(session, asked, { digest: expected, maxBytes: sizeBytes }, signal);
    const found = bytes === null ? "more bytes" : digestOf(bytes);
    if (bytes !== null && found === expected) return bytes;
    const { image } = asked;
    const part = "configuration";
    throw failure("image.damaged", { image, ...session.at, part, expected, found });
  });
}

/** A flipped bit on its way is none in the registry: what arrives damaged is asked for again. */
async function untilSound<T>(read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await read();
    } catch (error) {
      const damaged = error instanceof Failure && error.code === "image.damaged";
      if (!damaged || tries === maxTries) throw error;
    }
  }
}
