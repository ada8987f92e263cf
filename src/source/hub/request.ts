import type { Host } from "../../host/host.ts";
import {
  type ByteStream,
  type HttpResponse,
  type Reach,
  isLoopback,
  tooNear,
} from "../../host/network.ts";
import { failure } from "../../run/failures/table.ts";
import type { Secret } from "../../run/secret.ts";
import { TransientError } from "../transient-error.ts";
import { captivePortal } from "./failures.ts";
import { rootErrorCode } from "../../run/failure.ts";

type Answer = HttpResponse<ByteStream>;

/** Who we are to the Hub. The token goes to `endpoint`'s origin alone. */
export interface Session {
  readonly host: Pick<Host, "network" | "clock" | "random">;
  readonly endpoint: string;
  readonly token: Secret | null;
  /** How long one answer of the API may take from its question to its last byte. */
  readonly answerLimitMs: number;
}

export interface HubRequest {
  readonly url: string;
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
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
 * One request with its redirects. The token never goes to another origin, nor over plain http off this machine.
 * @throws TransientError for 408, 425, 429 and 5xx; Failure for redirects that can't be followed; Node's errors
 */
export async function sendRequest(
  session: Session,
  request: HubRequest,
): Promise<{ response: HttpResponse<ByteStream>; url: string; reach: Reach }> {
  let url = request.url;
  let { noNearerThan } = request;
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    const { network } = session.host;
    const send = request.large === true ? network.read : network.request;
    const asked: Promise<HttpResponse<ByteStream>> = send({
      url,
      method: request.method ?? "GET",
      headers: {
        "user-agent": "heros",
        "accept-encoding": "identity",
        ...request.headers,
        ...authorization(session, url),
      },
      signal: request.signal,
      ...(request.idleTimeoutMs === undefined ? {} : { idleTimeoutMs: request.idleTimeoutMs }),
      ...(request.maxConnections === undefined ? {} : { maxConnections: request.maxConnections }),
      ...(request.timeLimitMs === undefined ? {} : { timeLimitMs: request.timeLimitMs }),
      ...(noNearerThan === undefined ? {} : { noNearerThan }),
    });
    const response = await asked.catch((error: unknown) => {
      if (rootErrorCode(error) !== tooNear) throw error;
      const { host } = new URL(url);
      throw failure("hub.unsafe_redirect", { endpoint: session.endpoint, host }, error);
    });
    const { status, headers } = response;
    const location = headers["location"];
    if ([301, 302, 303, 307, 308].includes(status) && location !== undefined) {
      const from = url;
      const target = orAbandon(response, () => redirectTarget(session.endpoint, from, location));
      const elsewhere = target.origin !== new URL(url).origin;
      if (elsewhere && request.redirects === "none-elsewhere") {
        await discard(response);
        return { response, url: target.href, reach: response.reach };
      }
      await discard(response);
      url = target.href;
      noNearerThan = response.reach;
      continue;
    }
    // 511 is a login page's.
    if ([408, 425, 429].includes(status) || (status >= 500 && status !== 511)) {
      await discard(response);
      const nowMs = session.host.clock.now().getTime();
      const ms = waitOf(headers, nowMs);
      const wait = ms === null ? null : { ms, until: new Date(nowMs + ms) };
      throw status === 429
        ? new TransientError("rate-limited", "the Hub asks us to slow down", wait)
        : new TransientError("server", `status ${status}`, wait);
    }
    return { response, url, reach: response.reach };
  }
  throw failure("hub.redirect_loop", { host: new URL(request.url).host });
}

/** Whether the token may go to this address: the Hub's origin, and encrypted unless it is this machine. */
export function mayHaveToken(endpoint: string, url: string): boolean {
  const target = new URL(url);
  if (target.origin !== new URL(endpoint).origin) return false;
  return target.protocol === "https:" || isLoopback(target.hostname);
}

function authorization({ endpoint, token }: Session, url: string): Record<string, string> {
  return token !== null && mayHaveToken(endpoint, url)
    ? { authorization: `Bearer ${token.reveal()}` }
    : {};
}

/** Plain http off this machine is followed from there alone: a mirror in one's own network may have no other. */
function redirectTarget(endpoint: string, from: string, location: string): URL {
  const source = new URL(from);
  const target = URL.parse(location, from);
  const guarded = source.protocol === "https:" || isLoopback(source.hostname);
  const open = target?.protocol === "http:" && !isLoopback(target.hostname);
  const downgraded = source.protocol === "https:" && target?.protocol === "http:";
  if (target === null || !/^https?:$/u.test(target.protocol) || downgraded || (guarded && open)) {
    throw captivePortal(endpoint, "it redirected to an unsafe address");
  }
  return target;
}

/** No server means more than that, and no clock tells it. */
const maxDelayMs = 366 * 24 * 60 * 60 * 1000;

type Headers = Readonly<Record<string, string>>;

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

/**
 * Lets an answer that nobody reads go. Its connection serves again where the rest of it is short; whoever asks next waits
 * for that, lest there be two connections for one.
 */
export function discard({ body }: Answer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
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
 * The whole body as text, unpacked where a server packs it although nobody asked.
 * @throws Failure where it is longer than `maxBytes`, or packed in a way that is not known; TransientError, Node's errors
 */
export async function readText(
  answer: Answer,
  { endpoint, maxBytes }: { readonly endpoint: string; readonly maxBytes: number },
): Promise<string> {
  const bytes = await readBytes(answer, maxBytes);
  if (bytes === null) throw captivePortal(endpoint, "its answer does not end");
  const encoding = (answer.headers["content-encoding"] ?? "").trim().toLowerCase();
  if (encoding === "" || encoding === "identity") return bytes.toString("utf8");
  const zlib = await import("node:zlib");
  const unpack = {
    gzip: zlib.gunzipSync,
    "x-gzip": zlib.gunzipSync,
    deflate: zlib.inflateSync,
    br: zlib.brotliDecompressSync,
    zstd: zlib.zstdDecompressSync,
  }[encoding];
  const what = `its compressed answer (${encoding}) can't be read`;
  if (unpack === undefined) throw captivePortal(endpoint, what);
  try {
    return unpack(bytes, { maxOutputLength: maxBytes }).toString("utf8");
  } catch (error) {
    throw captivePortal(endpoint, what, error);
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
