import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { Content, Image, Manifest } from "./images.ts";

/** A request as one of the three servers saw it. */
export interface Seen {
  readonly server: "registry" | "tokens" | "storage";
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  /** Of a POST. */
  readonly form: URLSearchParams;
}

/** What goes wrong with one answer. */
export interface Fault {
  /** In the place of the true answer. */
  readonly answer?: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Buffer;
  };
  /** Added to the true answer, or in place of its headers; null leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** The connection is reset before any answer. */
  readonly reset?: boolean;
  /** Nothing is answered. */
  readonly hang?: boolean;
  /** Nothing is answered before this. */
  readonly until?: Promise<void>;
  /** The connection ends after so many bytes of the body. */
  readonly cutAfterBytes?: number;
  /** One bit of the body is wrong. */
  readonly flip?: boolean;
}

export interface RegistryOptions {
  /** How it wants to know who asks. Default: not at all. */
  readonly auth?: "none" | "basic" | "bearer";
  /** Accounts, by their names. */
  readonly users?: Readonly<Record<string, string>>;
  readonly identityTokens?: readonly string[];
  /** Repositories that only accounts may read; the others anybody may. */
  readonly private?: readonly string[];
  /** Of tokens; left out where null. Default 300. */
  readonly expiresInSeconds?: number | null;
  /** Blobs are at another server, behind a signed address. */
  readonly storage?: boolean;
  /** By which that server is named. Default: its address. */
  readonly storageName?: string;
  readonly intercept?: (seen: Seen, server: RegistryServer) => Fault | undefined;
  /** What a challenge says in the place of the realm, the service and the scope. */
  readonly challenge?: (usual: { realm: string; service: string; scope: string }) => string;
  /** How tokens are handed out. */
  readonly tokenAnswer?: (token: string) => unknown;
}

export interface RegistryServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly tokensOrigin: string;
  readonly storageOrigin: string;
  readonly seen: Seen[];
  of(server: Seen["server"]): readonly Seen[];
  push(repository: string, tag: string, manifest: Manifest, images?: readonly Image[]): void;
  /** No token that was given so far is good any longer. */
  endTokens(): void;
  /** No signed address that was given so far is good any longer. */
  endAddresses(): void;
}

interface Repository {
  readonly tags: Map<string, string>;
  readonly manifests: Map<string, Manifest>;
  readonly blobs: Map<string, Content>;
}

/** A registry as the distribution protocol has it, a token service, and a storage for blobs: each a server of its own on loopback. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RegistryServer> {
  const { auth = "none", users = {}, identityTokens = [], storage = false } = options;
  const { expiresInSeconds = 300, intercept = () => undefined } = options;
  const { challenge = usualChallenge, tokenAnswer } = options;
  const repositories = new Map<string, Repository>();
  const seen: Seen[] = [];
  /** What each may read: a repository's name. */
  const tokens = new Map<string, string>();
  let tokenCount = 0;
  let signature = 1;

  const isPrivate = (name: string): boolean => options.private?.includes(name) === true;
  const accountOf = (authorization: string | undefined): string | null => {
    const pair = Buffer.from(authorization?.replace(/^Basic /, "") ?? "", "base64").toString();
    const [name = "", password] = pair.split(/:(.*)/s);
    return users[name] !== undefined && users[name] === password ? name : null;
  };

  function answerTokens(each: Exchange): Reply {
    const { url, seen: asked } = each;
    const field = (name: string) => asked.form.get(name) ?? url.searchParams.get(name);
    const [, name = ""] = /^repository:(.+):pull$/.exec(field("scope") ?? "") ?? [];
    const refreshed = identityTokens.includes(asked.form.get("refresh_token") ?? "");
    const known = refreshed || accountOf(asked.authorization) !== null;
    const tried = asked.authorization !== undefined || asked.form.has("refresh_token");
    if (tried && !known) return json(401, { details: "incorrect username or password" });
    tokenCount += 1;
    const token = `token-${tokenCount}`;
    if (known || !isPrivate(name)) tokens.set(token, name);
    const life = expiresInSeconds === null ? {} : { expires_in: expiresInSeconds };
    return json(200, tokenAnswer?.(token) ?? { token, ...life });
  }

  function mayRead(name: string, authorization: string | undefined): boolean {
    if (auth === "none") return true;
    if (auth === "basic") return accountOf(authorization) !== null;
    return tokens.get(authorization?.replace(/^Bearer /, "") ?? "") === name;
  }

  function answerRegistry(each: Exchange): Reply {
    const { url, seen: asked } = each;
    const [, name = "", kind, reference = ""] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? [];
    if (!mayRead(name, asked.authorization)) {
      const usual = {
        realm: `${origins.tokens}/token`,
        service: "test",
        scope: `repository:${name}:pull`,
      };
      const wanted = auth === "basic" ? 'Basic realm="test"' : challenge(usual);
      return errorReply(401, "UNAUTHORIZED", { "www-authenticate": wanted });
    }
    const repository = repositories.get(name);
    if (repository === undefined) return errorReply(404, "NAME_UNKNOWN");
    if (kind === "manifests") {
      const manifest = repository.manifests.get(repository.tags.get(reference) ?? reference);
      return manifest === undefined ? errorReply(404, "MANIFEST_UNKNOWN") : manifestReply(manifest);
    }
    const blob = repository.blobs.get(reference);
    if (blob === undefined) return errorReply(404, "BLOB_UNKNOWN");
    if (!storage) return blobReply(blob, asked.range);
    const location = `${origins.storage}/${name}/${reference}?signature=${signature}`;
    return { status: 307, headers: { location }, body: Buffer.alloc(0) };
  }

  function answerStorage({ url, seen: asked }: Exchange): Reply {
    const [, name = "", digest = ""] = /^\/(.+)\/([^/]+)$/.exec(url.pathname) ?? [];
    const blob = repositories.get(name)?.blobs.get(digest);
    const signed = url.searchParams.get("signature") === String(signature);
    if (blob === undefined || !signed) return { status: 403, headers: {}, body: Buffer.from("no") };
    return blobReply(blob, asked.range);
  }

  const servers = {
    registry: await listen("registry", answerRegistry),
    tokens: await listen("tokens", answerTokens),
    storage: await listen("storage", answerStorage),
  };
  const { storageName = "127.0.0.1" } = options;
  const origins = {
    tokens: servers.tokens.origin,
    storage: servers.storage.origin.replace("127.0.0.1", storageName),
  };

  async function listen(server: Seen["server"], answer: (each: Exchange) => Reply) {
    return openServer(async (request, response) => {
      const { method = "", url = "", headers } = request;
      const { authorization, range } = headers;
      const form = new URLSearchParams(method === "POST" ? await text(request) : "");
      const asked: Seen = { server, method, url, authorization, range, form };
      seen.push(asked);
      const fault = intercept(asked, served) ?? {};
      if (fault.hang === true) return;
      await fault.until;
      if (fault.reset === true) return void request.socket.resetAndDestroy();
      const given = fault.answer;
      const reply: Reply =
        given === undefined
          ? answer({ url: new URL(url, "http://any"), seen: asked })
          : { headers: {}, ...given, body: Buffer.from(given.body ?? "") };
      sendReply(response, reply, fault, method);
    });
  }

  const served: RegistryServer = {
    host: servers.registry.origin.replace("http://", ""),
    tokensOrigin: origins.tokens,
    storageOrigin: origins.storage,
    seen,
    of: (server) => seen.filter((each) => each.server === server),
    push(name, tag, manifest, images = []) {
      const known = repositories.get(name);
      const repository = known ?? { tags: new Map(), manifests: new Map(), blobs: new Map() };
      repositories.set(name, repository);
      for (const each of [manifest, ...images]) {
        repository.manifests.set(each.digest, each);
        const blobs = "blobs" in each ? (each as Image).blobs : [];
        for (const blob of blobs) repository.blobs.set(blob.digest, blob);
      }
      repository.tags.set(tag, manifest.digest);
    },
    endTokens: () => tokens.clear(),
    endAddresses() {
      signature += 1;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(servers).map(({ close }) => close()));
    },
  };
  return served;
}

interface Exchange {
  readonly url: URL;
  readonly seen: Seen;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

function usualChallenge(usual: { realm: string; service: string; scope: string }): string {
  return `Bearer realm="${usual.realm}",service="${usual.service}",scope="${usual.scope}"`;
}

function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  const body = Buffer.from(JSON.stringify(value));
  return { status, headers: { "content-type": "application/json", ...headers }, body };
}

function errorReply(
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  const api = { "docker-distribution-api-version": "registry/2.0" };
  return json(status, { errors: [{ code, message: "", detail: null }] }, { ...api, ...headers });
}

function manifestReply({ mediaType, digest, bytes }: Manifest): Reply {
  const headers = { "content-type": mediaType, "docker-content-digest": digest };
  return { status: 200, headers, body: bytes };
}

function blobReply({ digest, bytes }: Content, range: string | undefined): Reply {
  const type = { "content-type": "application/octet-stream", "docker-content-digest": digest };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  if (first === undefined) return { status: 200, headers: type, body: bytes };
  const [start, end] = [Number(first), Number(last) + 1];
  const headers = { ...type, "content-range": `bytes ${first}-${last}/${bytes.length}` };
  return { status: 206, headers, body: bytes.subarray(start, end) };
}

function sendReply(response: ServerResponse, reply: Reply, fault: Fault, method: string): void {
  const { status, headers } = reply;
  const body = Buffer.from(reply.body);
  if (fault.flip === true) body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
  const all = { "content-length": String(body.length), ...headers, ...fault.headers };
  const sent = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== null);
  response.writeHead(status, Object.fromEntries(sent));
  if (method === "HEAD") response.end();
  else if (fault.cutAfterBytes === undefined) response.end(body);
  else response.write(body.subarray(0, fault.cutAfterBytes), () => response.destroy());
}

async function openServer(
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
) {
  const sockets = new Set<Socket>();
  const server: Server = createServer((request, response) => void answer(request, response));
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
