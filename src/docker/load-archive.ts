import { Readable } from "node:stream";
import type { Host } from "../host/host.ts";
import { padding, tarEnd, tarEntry, tarHeader } from "./tar.ts";
import { indexTypeOf } from "../run/repos/image-index.ts";
import type { ImageParts, PartShelf } from "./loopback-registry.ts";

export interface LoadArchiveOptions {
  readonly host: Pick<Host, "files">;
  /** `fullName`: with its registry and its tag, `docker.io/library/redis:7`. */
  readonly image: ImageParts & { readonly fullName: string };
  readonly shelf: PartShelf;
  readonly signal: AbortSignal;
}

/**
 * An image as `docker load` takes it, in order: an OCI layout, which containerd's store reads, with the `manifest.json` that the
 * classic store looks for. Layers stay compressed, and one that is still to come is waited for.
 */
export function loadArchive(options: LoadArchiveOptions): Readable {
  return Readable.from(archiveOf(options), { objectMode: false });
}

async function* archiveOf({
  host,
  image,
  shelf,
  signal,
}: LoadArchiveOptions): AsyncGenerator<Buffer> {
  const { name, fullName, digest, manifestDigest, mediaType, index, manifest, config, layers } =
    image;
  const named = index ?? manifest;
  const target = {
    mediaType: index === null ? mediaType : indexTypeOf(index),
    digest,
    size: named.length,
    annotations: {
      "io.containerd.image.name": fullName,
      "org.opencontainers.image.ref.name": fullName.slice(fullName.lastIndexOf(":") + 1),
    },
  };
  const documents: readonly (readonly [string, Buffer | object])[] = [
    ["oci-layout", { imageLayoutVersion: "1.0.0" }],
    ["index.json", { schemaVersion: 2, manifests: [target] }],
    [
      "manifest.json",
      [
        {
          Config: pathOf(config.digest),
          RepoTags: [name],
          Layers: layers.map((layer) => pathOf(layer.digest)),
        },
      ],
    ],
    [pathOf(manifestDigest), manifest],
    ...(index === null ? [] : [[pathOf(digest), index] as const]),
  ];
  for (const [path, content] of documents) {
    yield* tarEntry(
      path,
      Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content)),
    );
  }
  const parts = new Map([config, ...layers].map((part) => [part.digest, part.sizeBytes]));
  for (const [part, sizeBytes] of parts) {
    if (!shelf.has(part)) continue;
    await shelf.whenVerified(part, signal);
    yield tarHeader(pathOf(part), sizeBytes);
    const file = await host.files.open(shelf.pathOf(part));
    for await (const piece of file.createReadStream({ highWaterMark: 1 << 20 })) {
      yield piece as Buffer;
    }
    yield padding(sizeBytes);
  }
  yield tarEnd;
}

function pathOf(digest: string): string {
  return digest.replace(/^sha256:/u, "blobs/sha256/");
}
