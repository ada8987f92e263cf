import { createHash } from "node:crypto";
import path from "node:path";
import type { Readable } from "node:stream";
import { z } from "zod";
import { saveImage } from "../../docker/save-image.ts";
import { readTar, TarError } from "../../docker/tar.ts";
import { failure } from "../../run/failures/table.ts";
import { parseJson } from "../../run/json.ts";
import type { Document } from "../../source/oci/content.ts";
import {
  chooseEntry,
  type ImageManifest,
  parseConfig,
  parseManifest,
  type Platform,
} from "../../source/oci/manifest.ts";
import { isDigest, parseImageReference, repoOfImage } from "../../source/oci/reference.ts";
import { type BlobIntake, openIntake } from "../../store/images/take-blobs.ts";
import type { ImageContent, OciBlob } from "../../store/store.ts";
import type { Work } from "../command-request.ts";

export interface TakenImage {
  /** As Docker knows it. */
  readonly name: string;
  readonly cacheDir: string;
  readonly platform: Platform;
}

/** A manifest and an index have no more, nor has what lists the parts of an archive. */
const maxDocumentBytes = 4 * 1024 * 1024;
const maxConfigBytes = 8 * 1024 * 1024;
const maxEntries = 10_000;
const maxIndexes = 3;

/**
 * Takes an image that Docker has into the image store. What containerd's store gives are the blobs of the registry; the classic
 * store has unpacked layers alone: they come uncompressed, under a manifest made here, with the same configuration.
 * @throws Failure `docker.image_not_saved` (4), `image.no_platform` (4), `image.unusable` (2); Node's errors, AbortError
 */
export async function takeFromEngine(
  { host, signal }: Pick<Work, "host" | "signal">,
  { name, cacheDir, platform }: TakenImage,
): Promise<ImageContent> {
  const intake = await openIntake({ host, cacheDir, pid: host.pid });
  const image = await saveImage({
    host,
    name,
    signal,
    read: async (archive) => {
      try {
        return await readArchive(archive, { name, platform, intake, signal });
      } catch (error) {
        if (!(error instanceof TarError)) throw error;
        throw failure(
          "docker.image_not_saved",
          { image: name, why: `Its archive is damaged: ${error.message}.` },
          error,
        );
      }
    },
  });
  await intake.keep(image, signal);
  return image;
}

interface Reading {
  readonly name: string;
  readonly platform: Platform;
  readonly intake: BlobIntake;
  readonly signal: AbortSignal;
}

/** An archive by its parts: what lists them, and where each blob went. */
interface Parts {
  readonly documents: ReadonlyMap<string, Buffer>;
  /** By their names in the archive. */
  readonly blobs: ReadonlyMap<string, OciBlob>;
}

const documentNames = new Set(["index.json", "manifest.json"]);
/** Blobs of an OCI layout; layers and the configuration as engines before 25 name them. */
const blobName = /^blobs\/sha256\/[0-9a-f]{64}$|\/layer\.tar$|^[0-9a-f]{64}\.json$/u;

async function readArchive(archive: Readable, reading: Reading): Promise<ImageContent> {
  const { name, intake, signal } = reading;
  const documents = new Map<string, Buffer>();
  const blobs = new Map<string, OciBlob>();
  const links = new Map<string, string>();
  let entries = 0;
  for await (const entry of readTar(archive)) {
    const at = path.posix.normalize(entry.path);
    if ((entries += 1) > maxEntries) throw new TarError("it has too many parts");
    if (entry.kind === "link" && blobName.test(at)) {
      const folder = entry.isSymbolic ? path.posix.dirname(at) : ".";
      links.set(at, path.posix.join(folder, entry.target));
    }
    if (entry.kind !== "file") continue;
    if (documentNames.has(at)) {
      if (entry.sizeBytes > maxDocumentBytes) throw new TarError(`${at} in it is too long`);
      documents.set(at, await collect(entry.body));
    } else if (blobName.test(at)) blobs.set(at, await intake.take(entry.body, signal));
  }
  for (const [from, to] of links) {
    const blob = blobs.get(to);
    if (blob !== undefined) blobs.set(from, blob);
  }
  const parts = { documents, blobs };
  const found = (await fromLayout(parts, reading)) ?? (await fromList(parts, reading));
  if (found !== null) return found;
  throw failure("docker.image_not_saved", { image: name, why: "Its archive lacks parts." });
}

async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

const index = z.object({
  manifests: z
    .array(z.object({ mediaType: z.string().default(""), digest: z.string() }))
    .min(1)
    .max(1000),
});

/** The image as its OCI layout has it; null where there is none, or parts of it are missing. */
async function fromLayout(
  { documents }: Parts,
  { name, platform, intake }: Reading,
): Promise<ImageContent | null> {
  const top = documents.get("index.json");
  const [first] = index.safeParse(parseJson(top?.toString("utf8") ?? "")).data?.manifests ?? [];
  if (first === undefined || !isDigest(first.digest)) return null;
  const read = async (digest: string, contentType: string): Promise<Document | null> => {
    const bytes = await intake.read(digest, maxDocumentBytes);
    return bytes === null ? null : { bytes, digest, contentType };
  };
  const named = await read(first.digest, first.mediaType);
  if (named === null) return null;
  let document = named;
  let manifest = parseManifest(document, name);
  for (let depth = 0; manifest.kind === "index"; depth += 1) {
    const entry = chooseEntry(manifest.entries, platform, name);
    const next = depth < maxIndexes ? await read(entry.digest, "") : null;
    if (next === null) return null;
    document = next;
    manifest = parseManifest(document, name);
  }
  return contentOf({ name, named, document, manifest, platform, intake });
}

const list = z
  .array(z.object({ Config: z.string(), Layers: z.array(z.string()).min(1).max(500) }))
  .min(1);

/** The image as `manifest.json` lists it, under a manifest of our own. */
async function fromList(
  { documents, blobs }: Parts,
  { name, platform, intake }: Reading,
): Promise<ImageContent | null> {
  const text = documents.get("manifest.json")?.toString("utf8") ?? "";
  const [listed] = list.safeParse(parseJson(text)).data ?? [];
  if (listed === undefined) return null;
  const blobOf = (at: string) => blobs.get(path.posix.normalize(at));
  const config = blobOf(listed.Config);
  const layers = listed.Layers.map(blobOf);
  if (config === undefined || layers.includes(undefined)) return null;
  const describe = (mediaType: string, { digest, sizeBytes }: OciBlob) => ({
    mediaType,
    digest,
    size: sizeBytes,
  });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const layerType = "application/vnd.oci.image.layer.v1.tar";
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: describe("application/vnd.oci.image.config.v1+json", config),
      layers: layers.flatMap((layer) => (layer === undefined ? [] : [describe(layerType, layer)])),
    }),
  );
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const document = { bytes, digest, contentType: mediaType };
  const manifest = parseManifest(document, name);
  if (manifest.kind === "index") return null;
  return contentOf({ name, named: document, document, manifest, platform, intake });
}

async function contentOf({
  name,
  named,
  document,
  manifest,
  platform,
  intake,
}: {
  readonly name: string;
  readonly named: Document;
  readonly document: Document;
  readonly manifest: ImageManifest;
  readonly platform: Platform;
  readonly intake: BlobIntake;
}): Promise<ImageContent | null> {
  const { config, layers, mediaType } = manifest;
  for (const layer of layers) if (!(await intake.has(layer))) return null;
  const bytes = await intake.read(config.digest, maxConfigBytes);
  if (bytes === null) return null;
  const wanted = { image: name, wanted: platform, layers: layers.length };
  const { diffIds, modelsLabel } = parseConfig(bytes, wanted);
  return {
    name,
    repo: repoOfImage(parseImageReference(name)),
    digest: named.digest,
    manifestDigest: document.digest,
    mediaType,
    index: document === named ? null : named.bytes,
    manifest: document.bytes,
    config,
    layers,
    diffIds,
    ...(modelsLabel === undefined ? {} : { modelsLabel }),
  };
}
