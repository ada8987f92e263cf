import { type Exchange, type Refusal, send, sendJson } from "../exchange.ts";
import { sendFile } from "../send-file.ts";
import type { Site } from "../server.ts";
import type { ServedImages, ServedManifest, ServedRepository } from "./served-images.ts";

export interface RegistrySiteOptions {
  readonly images: ServedImages;
  /** The repository that the names in an address mean; null where they mean none. */
  readonly parseName: (name: string) => ServedRepository | null;
  /** Some images are for those alone who log in: `docker login` learns it from the first answer. */
  readonly asksLogin: boolean;
}

const asked = /^\/v2\/(?<name>.+)\/(?<kind>manifests|blobs|tags)\/(?<reference>[^/]+)$/u;
const common = { "Docker-Distribution-Api-Version": "registry/2.0" };

/**
 * Images by the protocol of registries, to be pulled and nothing else (github.com/opencontainers/distribution-spec). An image is
 * at `/v2/REGISTRY/REPOSITORY/…`; mirrors of containerd name its registry in `?ns=`.
 */
export function registrySite({ images, parseName, asksLogin }: RegistrySiteOptions): Site {
  return {
    async answer(exchange) {
      const { url, request } = exchange;
      const path = decodeURIComponent(url.pathname);
      if (path !== "/v2" && !path.startsWith("/v2/")) return false;
      if (request.method !== "GET" && request.method !== "HEAD") {
        refuse(exchange, "UNSUPPORTED", { status: 405, message: "This registry is read-only" });
      } else if (path === "/v2/" || path === "/v2") greet(exchange, asksLogin);
      else await answerFor(exchange, path);
      return true;
    },
  };

  async function answerFor(exchange: Exchange, path: string): Promise<void> {
    const { name = "", kind, reference = "" } = asked.exec(path)?.groups ?? {};
    const namespace = exchange.url.searchParams.get("ns");
    const repository = parseName(namespace === null ? name : `${namespace}/${name}`);
    if (repository === null) return refuse(exchange, "NAME_INVALID", notThere);
    if (kind === "manifests") return answerManifest(exchange, repository, reference);
    if (kind === "blobs") return answerBlob(exchange, repository, reference);
    if (reference !== "list") return refuse(exchange, "UNSUPPORTED", notThere);
    const tags = await images.tags(exchange, repository);
    if ("status" in tags) return refuse(exchange, "DENIED", tags);
    if (tags.length === 0) return refuse(exchange, "NAME_UNKNOWN", notThere);
    sendJson(exchange, { name, tags }, common);
  }

  async function answerManifest(
    exchange: Exchange,
    repository: ServedRepository,
    reference: string,
  ): Promise<void> {
    const found = await images.findManifest(exchange, repository, reference);
    if (found === null) return refuse(exchange, "MANIFEST_UNKNOWN", notThere);
    if ("status" in found) return refuse(exchange, "DENIED", found);
    sendManifest(exchange, found);
  }

  async function answerBlob(
    exchange: Exchange,
    repository: ServedRepository,
    digest: string,
  ): Promise<void> {
    const found = await images.findBlob(exchange, repository, digest);
    if (found === null) return refuse(exchange, "BLOB_UNKNOWN", notThere);
    if ("status" in found) return refuse(exchange, "DENIED", found);
    const headers = { ...common, "Docker-Content-Digest": found.digest };
    await sendFile(exchange, { ...found, etag: found.digest, headers });
  }
}

const notThere: Refusal = { status: 404, message: "not here" };

/** Whether this is a registry, and whether it wants a login: whoever asks sends none to one that does not. */
function greet(exchange: Exchange, asksLogin: boolean): void {
  const { authorized, confidential } = exchange;
  if (!asksLogin || authorized || !confidential) return sendJson(exchange, {}, common);
  refuse(exchange, "UNAUTHORIZED", { status: 401, message: "authentication required" });
}

function sendManifest(exchange: Exchange, { digest, mediaType, bytes }: ServedManifest): void {
  const headers = {
    ...common,
    "Content-Type": mediaType,
    "Docker-Content-Digest": digest,
    ETag: `"${digest}"`,
  };
  if (exchange.request.headers["if-none-match"] === `"${digest}"`) {
    return send(exchange, { status: 304, headers });
  }
  send(exchange, { status: 200, headers, body: bytes });
}

/** As registries say no. */
function refuse(exchange: Exchange, code: string, { status, message, headers = {} }: Refusal) {
  const challenge = status === 401 ? { "WWW-Authenticate": 'Basic realm="heros"' } : {};
  send(exchange, {
    status,
    headers: { ...common, "Content-Type": "application/json", ...challenge, ...headers },
    body: JSON.stringify({ errors: [{ code: status === 401 ? "UNAUTHORIZED" : code, message }] }),
  });
}
