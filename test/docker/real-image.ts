import process from "node:process";
import { gzipSync } from "node:zlib";
import { tarHeader } from "../../src/docker/tar.ts";
import { type Content, contentOf, describe } from "../source/oci/images.ts";

export interface RealImage {
  readonly config: Content;
  readonly layers: readonly Content[];
  readonly mediaType: string;
  readonly manifest: Content;
}

export interface RealFile {
  readonly path: string;
  readonly content: Buffer;
}

const mediaType = "application/vnd.docker.distribution.manifest.v2+json";
const architecture = process.arch === "arm64" ? "arm64" : "amd64";

/** An image that an engine takes: each layer lays down its one file. */
export function realImage(files: readonly RealFile[]): RealImage {
  const tars = files.map(({ path, content }) => tarOf(path, content));
  const layers = tars.map((tar) => contentOf(gzipSync(tar, { level: 1 })));
  const config = contentOf(
    JSON.stringify({
      architecture,
      os: "linux",
      config: { Cmd: ["/bin/none"] },
      rootfs: { type: "layers", diff_ids: tars.map((tar) => contentOf(tar).digest) },
      history: files.map(() => ({ created_by: "a test" })),
    }),
  );
  const layerType = "application/vnd.docker.image.rootfs.diff.tar.gzip";
  const manifest = contentOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: describe(config, "application/vnd.docker.container.image.v1+json"),
      layers: layers.map((layer) => describe(layer, layerType)),
    }),
  );
  return { config, layers, mediaType, manifest };
}

export function tarOf(path: string, content: Buffer): Buffer {
  const rest = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([tarHeader(path, content.length), content, rest, Buffer.alloc(1024)]);
}
