import { createHash } from "node:crypto";

/** A content of a registry: its digest is its name. */
export interface Content {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** A manifest, or an index of some. */
export interface Manifest extends Content {
  readonly mediaType: string;
}

export interface Image extends Manifest {
  /** Its configuration first, then its layers. */
  readonly blobs: readonly Content[];
  readonly diffIds: readonly string[];
  readonly platform: object;
}

export function contentOf(bytes: Buffer | string): Content {
  const buffer = Buffer.from(bytes);
  const hex = createHash("sha256").update(buffer).digest("hex");
  return { digest: `sha256:${hex}`, bytes: buffer };
}

/** Bytes that look like nothing in particular, the same for the same seed. */
export function noise(seed: string, sizeBytes: number): Buffer {
  const block = 64;
  const parts = Array.from({ length: Math.ceil(sizeBytes / block) }, (_, index) =>
    createHash("sha512").update(`${seed}:${index}`).digest(),
  );
  return Buffer.concat(parts).subarray(0, sizeBytes);
}

const types = {
  docker: {
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    image: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  },
  oci: {
    index: "application/vnd.oci.image.index.v1+json",
    image: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  },
};

export const arm64 = { os: "linux", architecture: "arm64", variant: "v8" };
export const amd64 = { os: "linux", architecture: "amd64" };

interface ImageOptions {
  readonly platform?: object;
  readonly format?: keyof typeof types;
  /** Changes the manifest before it is written down. */
  readonly change?: (manifest: Record<string, unknown>) => unknown;
  readonly changeConfig?: (config: Record<string, unknown>) => unknown;
}

export function describe({ digest, bytes }: Content, mediaType: string) {
  return { mediaType, digest, size: bytes.length };
}

/** An image of these layers, whose bytes stand for themselves. */
export function makeImage(
  layers: readonly Buffer[],
  {
    platform = arm64,
    format = "docker",
    change = (whole) => whole,
    changeConfig = (whole) => whole,
  }: ImageOptions = {},
): Image {
  const type = types[format];
  const contents = layers.map(contentOf);
  const diffIds = layers.map((_, index) => contentOf(`unpacked ${index}`).digest);
  const rootfs = { type: "layers", diff_ids: diffIds };
  const config = contentOf(JSON.stringify(changeConfig({ ...platform, config: {}, rootfs })));
  const manifest = contentOf(
    JSON.stringify(
      change({
        schemaVersion: 2,
        mediaType: type.image,
        config: describe(config, type.config),
        layers: contents.map((layer) => describe(layer, type.layer)),
      }),
    ),
  );
  return { ...manifest, mediaType: type.image, blobs: [config, ...contents], diffIds, platform };
}

/** An index of these images, with an attestation beside each, as buildx writes them. */
export function makeIndex(
  images: readonly Image[],
  {
    format = "oci",
    change = (whole) => whole,
  }: Pick<ImageOptions, "format"> & { change?: (index: Record<string, unknown>) => unknown } = {},
): Manifest {
  const mediaType = types[format].index;
  const manifests = images.flatMap((image) => [
    {
      ...describe(contentOf(`attestation of ${image.digest}`), types.oci.image),
      annotations: { "vnd.docker.reference.type": "attestation-manifest" },
      platform: { os: "unknown", architecture: "unknown" },
    },
    { ...describe(image, image.mediaType), platform: image.platform },
  ]);
  const content = contentOf(JSON.stringify(change({ schemaVersion: 2, mediaType, manifests })));
  return { ...content, mediaType };
}
