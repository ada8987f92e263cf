import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { isLoopback, type Network } from "../../host/network.ts";
import { send } from "../../serve/exchange.ts";
import { type ByteSource, fixedBytes, generatedBytes, hashBytes, sendMadeUp } from "./content.ts";
import {
  beginExchange,
  type Gate,
  type HubExchange,
  type Intercept,
  PlayedResponse,
} from "./exchange.ts";

/** Compressed bytes of the layers of her-os's images for arm64, the lowest first, or nearly so; by repository. */
const knownLayers: Readonly<Record<string, readonly number[]>> = {
  "her-os/her-os-core": [28e6, 1.2e9, 2.4e9, 5.6e9, 3.1e9, 4.2e9, 1.4e9, 72e6],
  "library/postgres": [28e6, 190e6, 230e6, 2e6],
  "library/redis": [28e6, 110e6, 12e6],
  "library/neo4j": [28e6, 340e6, 580e6, 2e6],
  "qdrant/qdrant": [28e6, 390e6, 32e6],
  "remsky/kokoro-fastapi-cpu": [28e6, 480e6, 990e6, 2e6],
};
/** Of an image that nobody knows. */
const usualLayers = [28e6, 150e6, 120e6];
/** Docker's images of Debian begin with the same layer: whoever has one of them has it. */
const debian = ["library/postgres", "library/redis", "library/neo4j"];

const types = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};

/** A registry on loopback that has an image for every name. */
export interface DemoRegistry {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  setIntercept(intercept: Intercept | undefined): void;
  /** Ends at once, whatever is under way. */
  close(): Promise<void>;
}

export interface DemoRegistryOptions {
  /** 0.01 for a hundredth of the real sizes. */
  readonly scale: number;
  /** The line that it shares with the demo's Hub. */
  readonly gates: (socket: Socket) => readonly Gate[];
}

interface Part {
  readonly mediaType: string;
  readonly digest: string;
  readonly source: ByteSource;
}

interface HostedImage {
  readonly manifest: Part;
  /** Its configuration and its layers. */
  readonly blobs: ReadonlyMap<string, Part>;
}

/** Starts a registry whose images have made-up bytes: nothing of them is held in memory or on disk. */
export async function startRegistry({ scale, gates }: DemoRegistryOptions): Promise<DemoRegistry> {
  const images = new Map<string, Promise<HostedImage>>();
  let intercept: Intercept | undefined;
  const imageOf = (repository: string): Promise<HostedImage> => {
    const known = images.get(repository) ?? hostImage(repository, scale);
    images.set(repository, known);
    return known;
  };

  async function answer(request: IncomingMessage, response: PlayedResponse): Promise<void> {
    const exchange = beginExchange(request, response, {
      origin: "content",
      base: "http://127.0.0.1",
      number: 0,
      file: () => null,
      intercept,
    });
    if (exchange.fault.answer !== undefined) return send(exchange, exchange.fault.answer);
    const [, repository = "", kind, reference = ""] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(exchange.url.pathname) ?? [];
    if (kind === undefined) return refuse(exchange, "NAME_UNKNOWN");
    const { manifest, blobs } = await imageOf(repository);
    if (kind === "manifests") {
      if (reference.includes(":") && reference !== manifest.digest) {
        return refuse(exchange, "MANIFEST_UNKNOWN");
      }
      return sendPart(exchange, manifest, () => []);
    }
    const blob = blobs.get(reference);
    if (blob === undefined) return refuse(exchange, "BLOB_UNKNOWN");
    return sendPart(exchange, blob, () => gates(request.socket));
  }

  const options = { keepAliveTimeout: 30_000, ServerResponse: PlayedResponse };
  const server = createServer(options, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  const bound = server.address();
  return {
    address: `http://127.0.0.1:${typeof bound === "object" && bound !== null ? bound.port : 0}`,
    setIntercept: (next) => void (intercept = next),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function hostImage(repository: string, scale: number): Promise<HostedImage> {
  const sizes = knownLayers[repository] ?? usualLayers;
  const layers = await Promise.all(
    sizes.map(async (size, index) => {
      const owner = index === 0 && debian.includes(repository) ? "debian" : repository;
      const source = generatedBytes(`${owner}/${index}`, Math.max(1024, Math.round(size * scale)));
      return {
        mediaType: types.layer,
        digest: `sha256:${await hashBytes("sha256", source)}`,
        source,
      };
    }),
  );
  const config = documentOf(types.config, {
    os: "linux",
    architecture: "arm64",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => sha256(`unpacked ${digest}`)) },
  });
  const manifest = documentOf(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: describe(config),
    layers: layers.map(describe),
  });
  return { manifest, blobs: new Map([config, ...layers].map((part) => [part.digest, part])) };
}

function documentOf(mediaType: string, value: object): Part {
  const text = JSON.stringify(value);
  return { mediaType, digest: sha256(text), source: fixedBytes(text) };
}

function describe({ mediaType, digest, source }: Part) {
  return { mediaType, digest, size: source.sizeBytes };
}

function sha256(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

function sendPart(
  exchange: HubExchange,
  { mediaType, digest, source }: Part,
  gates: () => readonly Gate[],
): Promise<void> {
  const headers = { "Content-Type": mediaType, "Docker-Content-Digest": digest };
  return sendMadeUp(exchange, { source, etag: digest, headers, gates });
}

function refuse(exchange: HubExchange, code: string): void {
  send(exchange, {
    status: 404,
    headers: {
      "Content-Type": "application/json",
      "Docker-Distribution-Api-Version": "registry/2.0",
    },
    body: JSON.stringify({ errors: [{ code, message: "not here" }] }),
  });
}

/** A network in which this registry answers in the place of every registry out there. */
export function withRegistry(network: Network, address: string): Network {
  const lead = <Request extends { readonly url: string }>(request: Request): Request => {
    const { hostname, pathname, search } = new URL(request.url);
    if (isLoopback(hostname) || !pathname.startsWith("/v2/")) return request;
    return { ...request, url: `${address}${pathname}${search}` };
  };
  return {
    ...network,
    request: (request) => network.request(lead(request)),
    read: (request) => network.read(lead(request)),
  };
}
