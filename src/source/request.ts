import type { Host } from "../host/host.ts";
import {
  type ByteStream,
  type HttpResponse,
  type Reach,
  isLoopback,
  tooNear,
} from "../host/network.ts";
import { type Failure, rootErrorCode } from "../run/failure.ts";
import type { FileAddress, FileRequest, OpenedFile } from "./source.ts";
import { TransientError } from "./retry-policy.ts";

type Answer = HttpResponse<ByteStream>;
type Headers = Readonly<Record<string, string>>;

/** A server as one request must know it: what it may be shown, and how its failures read. */
export interface Server {
  readonly host: Pick<Host, "network" | "clock">;
  /** In the middle of a sentence: "the Hub", "ghcr.io". */
  readonly name: string;
  /** The header of who asks, for this address; none where the address may not have it. */
  authorization(url: string): Headers;
  readonly failures: {
    /** Something else answers in its place. */
    strange(what: string, cause?: unknown): Failure;
    redirectLoop(host: string): Failure;
    unsafeRedirect(host: string, cause: unknown): Failure;
    /** Of a 429: a quota that is used up for longer than anyone waits. `until`: where it says when to come back. Default: every limit passes. */
    usedUp?(
      headers: Headers,
      wait: { readonly ms: number; readonly until: Date } | null,
    ): Failure | null;
  };
}

export interface SourceRequest {
  readonly url: string;
  /** A POST follows no redirect, and neither does a PUT. */
  readonly method?: "GET" | "HEAD" | "POST" | "PUT";
  readonly headers?: Headers;
  readonly body?: string | Buffer;
  readonly signal: AbortSignal;
  readonly idleTimeoutMs?: number;
  readonly maxConnections?: number | undefined;
  /** For the whole of each answer. */
  readonly timeLimitMs?: number;
  /** Where an earlier answer sent us: no nearer than who sent us may be. Default: to any address. */
  readonly noNearerThan?: Reach;
  /** A large body: its pieces are not kept. */
  readonly large?: boolean;
  /** `none-elsewhere`: stops at one to another origin and gives it back. */
  readonly redirects: "none-elsewhere" | "all";
}

const maxRedirects = 10;

/**
 * One request with its redirects. Credentials go where `authorization` lets them, and with a request to another origin there
 * are none.
 * @throws TransientError for 408, 425, 429 and 5xx; Failure for redirects that can't be followed; Node's errors
 */
export async function sendRequest(
  server: Server,
  request: SourceRequest,
): Promise<{ response: Answer; url: string; reach: Reach }> {
  let url = request.url;
  let { noNearerThan } = request;
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    const response = await askOnce(server, { ...request, url, noNearerThan });
    const { status, headers } = response;
    const location = headers["location"];
    if ([301, 302, 303, 307, 308].includes(status) && location !== undefined) {
      const from = url;
      const target = orAbandon(response, () => redirectTarget(server, request, from, location));
      const elsewhere = target.origin !== new URL(url).origin;
      await discard(response);
      if (elsewhere && request.redirects === "none-elsewhere") {
        return { response, url: target.href, reach: response.reach };
      }
      url = target.href;
      noNearerThan = response.reach;
      continue;
    }
    // 511 is a login page's.
    if ([408, 425, 429].includes(status) || (status >= 500 && status !== 511)) {
      await discard(response);
      throw passing(server, response);
    }
    return { response, url, reach: response.reach };
  }
  throw server.failures.redirectLoop(new URL(request.url).host);
}

async function askOnce(
  server: Server,
  request: Omit<SourceRequest, "noNearerThan"> & { readonly noNearerThan: Reach | undefined },
): Promise<Answer> {
  const { url, method = "GET", headers, body, signal } = request;
  const { idleTimeoutMs, maxConnections, timeLimitMs, noNearerThan } = request;
  const { network } = server.host;
  const send = request.large === true ? network.read : network.request;
  const asked: Promise<Answer> = send({
    url,
    method,
    headers: {
      "user-agent": "heros",
      "accept-encoding": "identity",
      ...headers,
      ...server.authorization(url),
    },
    signal,
    ...(body === undefined ? {} : { body }),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(timeLimitMs === undefined ? {} : { timeLimitMs }),
    ...(noNearerThan === undefined ? {} : { noNearerThan }),
  });
  return asked.catch((error: unknown) => {
    if (rootErrorCode(error) !== tooNear) throw error;
    throw server.failures.unsafeRedirect(new URL(url).host, error);
  });
}

/** An answer that a later one may better. */
function passing({ host, name, failures }: Server, { status, headers }: Answer): Error {
  const nowMs = host.clock.now().getTime();
  const ms = waitOf(headers, nowMs);
  const wait = ms === null ? null : { ms, until: new Date(nowMs + ms) };
  if (status !== 429) return new TransientError("server", `status ${status}`, wait);
  return (
    failures.usedUp?.(headers, wait) ??
    new TransientError("rate-limited", `${name} asks us to slow down`, wait)
  );
}

/** Plain http off this machine is followed from there alone: a mirror in one's own network may have no other. */
function redirectTarget(
  { failures }: Server,
  { method }: SourceRequest,
  from: string,
  location: string,
): URL {
  if (method === "POST") throw failures.strange("it redirected a login");
  if (method === "PUT") throw failures.strange("it redirected an upload");
  const source = new URL(from);
  const target = URL.parse(location, from);
  const guarded = source.protocol === "https:" || isLoopback(source.hostname);
  const open = target?.protocol === "http:" && !isLoopback(target.hostname);
  const downgraded = source.protocol === "https:" && target?.protocol === "http:";
  if (target === null || !/^https?:$/u.test(target.protocol) || downgraded || (guarded && open)) {
    throw failures.strange("it redirected to an unsafe address");
  }
  return target;
}

/** No server means more than that, and no clock tells it. */
const maxDelayMs = 366 * 24 * 60 * 60 * 1000;

/**
 * How long a 429 (or a 503) asks us to wait, in milliseconds; null where it does not say, or where that is over already.
 * `RateLimit: "resolvers";r=0;t=55` means t + 1 seconds (IETF draft-ietf-httpapi-ratelimit-headers, as the Hub sends it);
 * of several limits the one that is used up longest counts. Else `Retry-After`, in seconds or as a date, which is held
 * against the server's own clock where its answer tells it.
 */
export function waitOf(headers: Headers, nowMs: number): number | null {
  const waits = (headers["ratelimit"] ?? "").split(",").map(waitOfLimit);
  const waitMs = Math.max(...waits) || waitOfRetryAfter(headers, nowMs);
  return waitMs > 0 ? Math.min(maxDelayMs, waitMs) : null;
}

/** 0 where something of the limit is left. */
function waitOfLimit(limit: string): number {
  const number = (name: string): number | null => {
    const found = new RegExp(`(?:^|[;\\s])${name}=(\\d+)`, "u").exec(limit)?.[1];
    return found === undefined ? null : Number(found);
  };
  const seconds = number("t");
  return seconds === null || (number("r") ?? 0) > 0 ? 0 : (seconds + 1) * 1000;
}

function waitOfRetryAfter(headers: Headers, nowMs: number): number {
  const after = headers["retry-after"]?.trim() ?? "";
  if (/^\d+(?:\.\d+)?$/u.test(after)) return Math.ceil(Number(after) * 1000);
  const date = Date.parse(after);
  if (Number.isNaN(date)) return 0;
  const theirsMs = Date.parse(headers["date"] ?? "");
  return date - (Number.isNaN(theirsMs) ? nowMs : theirsMs);
}

/** Of an answer that nobody reads: so much, and for so long, is read past to keep its connection. */
const maxDiscardedBytes = 64 * 1024;
const maxDiscardMs = 500;

/** Bodies that were let go, and when they are gone: their end is told once. */
const discarded = new WeakMap<ByteStream, Promise<void>>();

/**
 * Lets an answer that nobody reads go. Its connection serves again where the rest of it is short; whoever asks next waits
 * for that, lest there be two connections for one.
 */
export function discard({ body }: Answer): Promise<void> {
  const before = discarded.get(body);
  if (before !== undefined) return before;
  const { promise, resolve } = Promise.withResolvers<void>();
  discarded.set(body, promise);
  const end = (): void => {
    clearTimeout(timer);
    body.destroy();
    resolve();
  };
  const timer = setTimeout(end, maxDiscardMs);
  let bytes = 0;
  body.on("error", () => {});
  body.once("close", end);
  body.on("data", (part) => {
    bytes += part.length;
    if (bytes > maxDiscardedBytes) end();
  });
  return promise;
}

/** Ends an answer that is not worth its connection. */
export function abandon({ body }: Answer): void {
  body.on("error", () => {});
  body.destroy();
}

/** Judges an answer; one that is refused is ended with its connection. @throws what `judge` throws */
export function orAbandon<T>(answer: Answer, judge: () => T): T {
  try {
    return judge();
  } catch (error) {
    abandon(answer);
    throw error;
  }
}

/**
 * The whole body, unpacked where a server packs it although nobody asked; null where it is longer than `maxBytes`.
 * @throws what `strange` makes where it is packed in a way that is not known; TransientError, Node's errors
 */
export async function readBody(
  answer: Answer,
  { strange }: Server["failures"],
  maxBytes: number,
): Promise<Buffer | null> {
  const bytes = await readBytes(answer, maxBytes);
  const encoding = (answer.headers["content-encoding"] ?? "").trim().toLowerCase();
  if (bytes === null || encoding === "" || encoding === "identity") return bytes;
  const zlib = await import("node:zlib");
  const unpack = {
    gzip: zlib.gunzipSync,
    "x-gzip": zlib.gunzipSync,
    deflate: zlib.inflateSync,
    br: zlib.brotliDecompressSync,
    zstd: zlib.zstdDecompressSync,
  }[encoding];
  const what = `its compressed answer (${encoding}) can't be read`;
  if (unpack === undefined) throw strange(what);
  try {
    return unpack(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    throw strange(what, error);
  }
}

/** Null where there are more. */
function readBytes({ body }: Answer, maxBytes: number): Promise<Buffer | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer | null>();
  const parts: Buffer[] = [];
  let bytes = 0;
  body.on("data", (part) => {
    bytes += part.length;
    if (bytes <= maxBytes) parts.push(part);
    else {
      resolve(null);
      body.destroy();
    }
  });
  body.once("end", () => resolve(Buffer.concat(parts)));
  body.on("error", reject);
  body.once("close", () => reject(new TransientError("network", "the connection was cut")));
  return promise;
}

/** A file, or a range of it, that is asked for. */
export interface WantedFile {
  readonly request: FileRequest;
  /** In sentences: "model.safetensors of org/model". */
  readonly name: string;
  /** A web page is what was asked for. */
  readonly isPage: boolean;
}

/** What every request for a file's bytes has. */
export function requestOf({ range, signal, idleTimeoutMs, maxConnections }: FileRequest) {
  return {
    headers: range === null ? {} : { range: `bytes=${range.start}-${range.end - 1}` },
    signal,
    idleTimeoutMs,
    maxConnections,
    large: true,
  };
}

/**
 * Asks for bytes where a source sent us, for this request or an earlier one.
 * @throws TransientError `expired` for an address that an earlier request was given, `refused` for one of this request; as `sendRequest`
 */
export async function openAddress(
  server: Server,
  wanted: WantedFile,
  { url, reach }: Pick<FileAddress, "url" | "reach">,
): Promise<OpenedFile> {
  const { address: known } = wanted.request;
  const { response } = await sendRequest(server, {
    ...requestOf(wanted.request),
    url,
    noNearerThan: reach,
    redirects: "all",
  });
  const { status } = response;
  if (status === 200 || status === 206 || status === 416) {
    orAbandon(response, () => {
      requireNoPage(server, wanted, response);
      requirePlain(response);
    });
    return { response, address: known ?? { url, reach } };
  }
  await discard(response);
  if (known !== null) {
    throw new TransientError("expired", `the signed address is no longer good (${status})`);
  }
  throw new TransientError("refused", `${new URL(url).host} refused a connection (${status})`);
}

/** A web page in the place of a file that is none. */
export function requireNoPage(
  { failures }: Server,
  { name, isPage }: WantedFile,
  { status, headers }: Answer,
): void {
  const page = /\bhtml\b/iu.test(headers["content-type"] ?? "");
  if (page && status < 300 && !isPage) throw failures.strange(`a web page instead of ${name}`);
}

export function requirePlain({ headers }: Answer): void {
  const encoding = headers["content-encoding"];
  if (encoding === undefined || encoding === "" || encoding === "identity") return;
  throw new TransientError(
    "bad-answer",
    `the answer is packed (${encoding}) although nobody asked`,
  );
}
