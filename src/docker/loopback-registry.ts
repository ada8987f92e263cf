import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Host } from "../host/host.ts";
import { isAbort } from "../run/failure.ts";
import { indexTypeOf } from "../run/repos/image-index.ts";

/** A part of an image: its configuration, or a layer. */
export interface ImagePart {
  /** `sha256:…` */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** An image for one platform, whose parts are files. */
export interface ImageParts {
  /** As the compose file has it. */
  readonly name: string;
  /** Of the index where there is one, else of the manifest. */
  readonly digest: string;
  readonly manifestDigest: string;
  /** Of the manifest. */
  readonly mediaType: string;
  /** Null where the name leads to a manifest. */
  readonly index: Buffer | null;
  readonly manifest: Buffer;
  readonly config: ImagePart;
  /** From the lowest on. */
  readonly layers: readonly ImagePart[];
}

/** Parts of images on disk, and those that are still to come. */
export interface PartShelf {
  pathOf(digest: string): string;
  /** Whether it is one of these; Docker has the others already. */
  has(digest: string): boolean;
  /** Ends once the part is verified and in its place. @throws where it will not come; AbortError */
  whenVerified(digest: string, signal: AbortSignal): Promise<void>;
}

export interface LoopbackRegistry {
  /** The name by which Docker can pull this image while the registry is open. */
  nameOf(image: ImageParts): string;
  /** Breaks off what is still being answered. */
  close(): Promise<void>;
}

export interface LoopbackRegistryOptions {
  readonly host: Pick<Host, "files" | "network">;
  readonly images: readonly ImageParts[];
  readonly shelf: PartShelf;
  readonly signal: AbortSignal;
}

/** Other users of this machine reach the port too, so that the names can't be guessed: an image may be private. */
const secretBytes = 16;
/** At a time, of what Docker reads: a small piece costs as much of a core as a large one. */
const readBytes = 1 << 20;
const namePattern = /^127\.0\.0\.1:(\d+)\/heros-[0-9a-f]{32}\/\d+:run$/u;

/** The port in a name that a loopback registry gave; null of every other name. */
export function loopbackPortOf(name: string): number | null {
  const port = namePattern.exec(name)?.[1];
  return port === undefined ? null : Number(port);
}

/**
 * Images as a registry at a free port of 127.0.0.1, from which Docker may only pull, by the protocol of
 * github.com/opencontainers/distribution-spec. A part that is still to come is answered once it is verified.
 */
export async function openLoopbackRegistry({
  host,
  images,
  shelf,
  signal,
}: LoopbackRegistryOptions): Promise<LoopbackRegistry> {
  const secret = `heros-${randomBytes(secretBytes).toString("hex")}`;
  const repositories = new Map(images.map((image, index) => [`${secret}/${index}`, image]));
  const closing = new AbortController();
  const server = await host.network.listen((request, response) => {
    void answer(request, response);
  });
  return {
    nameOf: (image) => `127.0.0.1:${server.port}/${secret}/${images.indexOf(image)}:run`,
    async close() {
      closing.abort();
      await server.close();
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    // A puller that leaves in the middle is no error of ours.
    response.on("error", () => gone.abort());
    const stop = AbortSignal.any([signal, closing.signal, gone.signal]);
    try {
      await answerWith(request, response, stop);
    } catch (error) {
      // Docker asks again for what broke off; whoever started the pull knows why a part does not come.
      response.destroy(isAbort(error) || !(error instanceof Error) ? undefined : error);
    }
  }

  async function answerWith(
    request: IncomingMessage,
    response: ServerResponse,
    stop: AbortSignal,
  ): Promise<void> {
    const { method = "", url = "" } = request;
    response.setHeader("Docker-Distribution-Api-Version", "registry/2.0");
    if (method !== "GET" && method !== "HEAD") return refuse(response, 405, "UNSUPPORTED");
    if (url === "/v2/" || url === "/v2") {
      response.setHeader("Content-Type", "application/json");
      return void response.end("{}");
    }
    const [, repository = "", kind, reference = ""] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/?]+)$/u.exec(url) ?? [];
    const image = repositories.get(repository);
    if (image === undefined) return refuse(response, 404, "NAME_UNKNOWN");
    if (kind === "manifests") return answerManifest(response, image, { method, reference });
    const part = [image.config, ...image.layers].find(({ digest }) => digest === reference);
    if (part === undefined) return refuse(response, 404, "BLOB_UNKNOWN");
    const { range = "" } = request.headers;
    return answerPart(response, part, { method, range, stop });
  }

  async function answerPart(
    response: ServerResponse,
    { digest, sizeBytes }: ImagePart,
    { method, range, stop }: { method: string; range: string; stop: AbortSignal },
  ): Promise<void> {
    const start = Number(/^bytes=(\d+)-/u.exec(range)?.[1] ?? 0);
    if (start > 0 && start >= sizeBytes) return refuse(response, 416, "RANGE_INVALID");
    response.statusCode = start > 0 ? 206 : 200;
    response.setHeader("Content-Type", "application/octet-stream");
    response.setHeader("Content-Length", sizeBytes - start);
    response.setHeader("Docker-Content-Digest", digest);
    response.setHeader("Accept-Ranges", "bytes");
    if (start > 0) {
      response.setHeader("Content-Range", `bytes ${start}-${sizeBytes - 1}/${sizeBytes}`);
    }
    if (method === "HEAD") return void response.end();
    // Whoever has the head of the answer waits for its body for as long as it takes.
    response.flushHeaders();
    await shelf.whenVerified(digest, stop);
    const file = await host.files.open(shelf.pathOf(digest));
    const bytes = file.createReadStream({ start, highWaterMark: readBytes });
    await pipeline(bytes, response, { signal: stop });
  }
}

function answerManifest(
  response: ServerResponse,
  image: ImageParts,
  { method, reference }: { readonly method: string; readonly reference: string },
): void {
  const { digest, manifestDigest, manifest, mediaType, index } = image;
  const named = reference === "run" || reference === digest;
  if (!named && reference !== manifestDigest) return refuse(response, 404, "MANIFEST_UNKNOWN");
  const body = named ? (index ?? manifest) : manifest;
  const type = named && index !== null ? indexTypeOf(index) : mediaType;
  response.setHeader("Content-Type", type);
  response.setHeader("Content-Length", body.length);
  response.setHeader("Docker-Content-Digest", named ? digest : manifestDigest);
  response.end(method === "HEAD" ? undefined : body);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ errors: [{ code, message: "not here" }] }));
}
