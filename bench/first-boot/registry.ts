import { type ChildProcess, spawn } from "node:child_process";
import { createCipheriv, createHash } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { tarHeader } from "../../src/docker/load-archive.ts";

/** Debian's docker-registry, with its images in a folder. */
export interface Registry {
  readonly port: number;
  /** A layer of what the tar holds. */
  pushLayer(repository: string, tar: Readable): Promise<Layer>;
  pushImage(repository: string, image: PushedImage): Promise<void>;
  close(): Promise<void>;
}

interface Blob {
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface Layer extends Blob {
  /** What it hashes to once it is unpacked. */
  readonly diffId: string;
}

export interface PushedImage {
  readonly tag: string;
  readonly layers: readonly Layer[];
  readonly entrypoint: readonly string[];
}

const layerType = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const configType = "application/vnd.docker.container.image.v1+json";
const manifestType = "application/vnd.docker.distribution.manifest.v2+json";

export async function startRegistry(folder: string, port: number): Promise<Registry> {
  const config = join(folder, "registry.yml");
  const storage = `{filesystem: {rootdirectory: ${join(folder, "registry")}}}`;
  const http = `{addr: "127.0.0.1:${port}"}`;
  const log = "{level: info, accesslog: {disabled: true}}";
  await writeFile(config, `version: 0.1\nlog: ${log}\nstorage: ${storage}\nhttp: ${http}\n`);
  const child = spawn("docker-registry", ["serve", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  await listening(child);
  child.stderr.resume();

  async function pushBlob(repository: string, bytes: Readable): Promise<Blob> {
    const begun = await ask("POST", `/v2/${repository}/blobs/uploads/`).finish(202);
    const hash = createHash("sha256");
    let sizeBytes = 0;
    const sent = ask("PATCH", addressIn(begun));
    sent.request.setHeader("Content-Type", "application/octet-stream");
    bytes.on("data", (piece: Buffer) => {
      hash.update(piece);
      sizeBytes += piece.length;
    });
    await pipeline(bytes, sent.request);
    const taken = await sent.finish(202);
    const digest = `sha256:${hash.digest("hex")}`;
    const address = addressIn(taken);
    const mark = address.includes("?") ? "&" : "?";
    await ask("PUT", `${address}${mark}digest=${digest}`).finish(201);
    return { digest, sizeBytes };
  }

  function ask(method: string, path: string) {
    const headers = method === "PATCH" ? {} : { "Content-Length": 0 };
    const asked = request({ host: "127.0.0.1", port, method, path, headers });
    const answered = once(asked, "response") as Promise<[IncomingMessage]>;
    answered.catch(() => {});
    return { request: asked, finish: (status: number) => finish(asked, answered, status) };
  }

  return {
    port,
    async pushLayer(repository, tar) {
      const diffId = createHash("sha256");
      tar.on("data", (piece: Buffer) => diffId.update(piece));
      const packed = new PassThrough();
      const [blob] = await Promise.all([
        pushBlob(repository, packed),
        pipeline(tar, createGzip({ level: 1 }), packed),
      ]);
      return { ...blob, diffId: `sha256:${diffId.digest("hex")}` };
    },
    async pushImage(repository, { tag, layers, entrypoint }) {
      const described = Buffer.from(
        JSON.stringify({
          architecture: process.arch === "arm64" ? "arm64" : "amd64",
          os: "linux",
          config: { Entrypoint: entrypoint, Env: ["PATH=/usr/bin:/bin"] },
          rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
          history: layers.map(() => ({ created_by: "bench/first-boot" })),
        }),
      );
      const { digest } = await pushBlob(repository, Readable.from([described]));
      const manifest = JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: { mediaType: configType, digest, size: described.length },
        layers: layers.map((layer) => ({
          mediaType: layerType,
          digest: layer.digest,
          size: layer.sizeBytes,
        })),
      });
      const asked = ask("PUT", `/v2/${repository}/manifests/${tag}`);
      asked.request.setHeader("Content-Type", manifestType);
      asked.request.setHeader("Content-Length", Buffer.byteLength(manifest));
      asked.request.write(manifest);
      await asked.finish(201);
    },
    async close() {
      const ended = once(child, "exit");
      child.kill();
      await ended;
    },
  };
}

async function listening(child: ChildProcess): Promise<void> {
  if (child.stderr === null) return;
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.includes("listening on")) return;
  }
  throw new Error("docker-registry did not start");
}

async function finish(
  asked: ClientRequest,
  answered: Promise<[IncomingMessage]>,
  status: number,
): Promise<IncomingMessage> {
  asked.end();
  const [response] = await answered;
  response.resume();
  await once(response, "end");
  if (response.statusCode === status) return response;
  throw new Error(`docker-registry answered ${asked.method} ${asked.path} ${response.statusCode}`);
}

function addressIn({ headers: { location = "" } }: IncomingMessage): string {
  const { pathname, search } = new URL(location, "http://127.0.0.1");
  return pathname + search;
}

const fileBytes = 2 * 1024 * 1024;
const blockBytes = 64 * 1024;

/**
 * A tar of files that are packed to so many bytes, the same for the same name.
 * @param ratio how many times that it is unpacked: the rest of each block is text
 */
export function tarOfSize(name: string, packedBytes: number, ratio: number): Readable {
  return Readable.from(filesOfSize(name, packedBytes * ratio, 1 / ratio), { objectMode: false });
}

function* filesOfSize(name: string, bytes: number, noiseShare: number): Generator<Buffer> {
  const key = createHash("sha256").update(name).digest();
  const noise = createCipheriv("aes-128-ctr", key.subarray(0, 16), key.subarray(16));
  const noiseBytes = Math.round(blockBytes * noiseShare);
  const zeros = Buffer.alloc(noiseBytes);
  const text = Buffer.alloc(blockBytes - noiseBytes, `${name}: text that repeats itself\n`);
  for (let made = 0, index = 0; made < bytes; made += fileBytes, index += 1) {
    yield tarHeader(`bulk/${name}/${index}`, fileBytes);
    for (let at = 0; at < fileBytes; at += blockBytes) {
      yield Buffer.concat([noise.update(zeros), text]);
    }
  }
  yield Buffer.alloc(1024);
}
