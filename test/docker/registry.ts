import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

/** Debian's docker-registry, with its images in a folder. */
export interface Registry {
  readonly port: number;
  /** A layer of what the tar holds. */
  pushLayer(repository: string, tar: Readable): Promise<Layer>;
  pushImage(repository: string, image: PushedImage): Promise<Blob>;
  /** A manifest as it is. */
  pushManifest(repository: string, manifest: PushedManifest): Promise<Blob>;
  close(): Promise<void>;
  /** As `kill -9` does. */
  kill(): Promise<void>;
}

interface RegistryOptions {
  /** Holds its configuration, and what is pushed to it. */
  readonly folder: string;
  readonly port: number;
  /** Of its configuration, beside the usual. */
  readonly more?: string;
}

export interface Blob {
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
  /** Default: this machine's. */
  readonly architecture?: string;
}

export interface PushedManifest {
  readonly tag: string;
  readonly mediaType: string;
  readonly content: string;
}

/** As registries call this machine's. */
export const ownArchitecture = process.arch === "arm64" ? "arm64" : "amd64";

const layerType = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const configType = "application/vnd.docker.container.image.v1+json";
export const manifestType = "application/vnd.docker.distribution.manifest.v2+json";

export async function startRegistry({
  folder,
  port,
  more = "",
}: RegistryOptions): Promise<Registry> {
  const config = join(folder, "registry.yml");
  const storage = `{filesystem: {rootdirectory: ${join(folder, "registry")}}}`;
  const http = `{addr: "127.0.0.1:${port}"}`;
  const log = "{level: info, accesslog: {disabled: true}}";
  await writeFile(config, `version: 0.1\nlog: ${log}\nstorage: ${storage}\nhttp: ${http}\n${more}`);
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

  async function pushManifest(
    repository: string,
    { tag, mediaType, content }: PushedManifest,
  ): Promise<Blob> {
    const asked = ask("PUT", `/v2/${repository}/manifests/${tag}`);
    asked.request.setHeader("Content-Type", mediaType);
    asked.request.setHeader("Content-Length", Buffer.byteLength(content));
    asked.request.write(content);
    await asked.finish(201);
    const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    return { digest, sizeBytes: Buffer.byteLength(content) };
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
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
    async pushImage(repository, image) {
      const { tag, layers, entrypoint, architecture = ownArchitecture } = image;
      const described = Buffer.from(
        JSON.stringify({
          architecture,
          os: "linux",
          config: { Entrypoint: entrypoint, Env: ["PATH=/usr/bin:/bin"] },
          rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
          history: layers.map(() => ({ created_by: "a test" })),
        }),
      );
      const { digest } = await pushBlob(repository, Readable.from([described]));
      const content = JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: { mediaType: configType, digest, size: described.length },
        layers: layers.map((layer) => ({
          mediaType: layerType,
          digest: layer.digest,
          size: layer.sizeBytes,
        })),
      });
      return pushManifest(repository, { tag, mediaType: manifestType, content });
    },
    pushManifest,
    close: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
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
