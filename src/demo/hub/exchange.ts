import { type IncomingHttpHeaders, type IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../host/host.ts";
import { realClock } from "../../host/real-host.ts";
import type { ByteRange } from "../../run/byte-ranges.ts";
import { type Exchange, sendError } from "../../serve/exchange.ts";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** One request on its way to an answer, and what goes wrong with it. */
export interface HubExchange extends Exchange {
  readonly response: PlayedResponse;
  readonly record: Mutable<RecordedRequest>;
  readonly fault: Fault;
}

/** A response that plays its fault, and notes what is sent. */
export class PlayedResponse extends ServerResponse {
  #record: Mutable<RecordedRequest> | null = null;
  #fault: Fault = {};
  /** Of the body, where it is another than the file's. */
  bodyBytes: number | null = null;

  play(record: Mutable<RecordedRequest>, fault: Fault): void {
    this.#record = record;
    this.#fault = fault;
  }

  override writeHead(status: number, given?: unknown): this {
    const headers = withFault((given ?? {}) as Readonly<Record<string, string>>, this.#fault);
    const { extraBytes = 0, gzip = false } = this.#fault;
    const isContent = (status === 200 || status === 206) && headers["ETag"] !== undefined;
    if (isContent && (this.bodyBytes !== null || extraBytes > 0)) {
      const bytes = this.bodyBytes ?? Number(headers["Content-Length"]);
      headers["Content-Length"] = String(bytes + extraBytes);
    }
    if (isContent && gzip) headers["Content-Encoding"] = "gzip";
    if (this.#record !== null) {
      this.#record.status = status;
      this.#record.range = status === 206 ? rangeOf(headers["Content-Range"]) : null;
    }
    return super.writeHead(status, headers);
  }
}

function rangeOf(header = ""): ByteRange | null {
  const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(header) ?? [];
  return first === undefined ? null : { start: Number(first), end: Number(last) + 1 };
}

/** An exchange for a request, and its record, which is still to be kept. */
export function beginExchange(
  request: IncomingMessage,
  response: PlayedResponse,
  { origin, base, number, file, intercept }: BeginOptions,
): HubExchange {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  response.on("error", () => gone.abort());
  const { method = "GET", url = "/" } = request;
  const target = new URL(url, base);
  const record: Mutable<RecordedRequest> = {
    number,
    origin,
    method,
    url,
    headers: { ...request.headers },
    file: file(target),
    range: null,
    status: 0,
    sentBytes: 0,
  };
  const fault = intercept?.(record) ?? {};
  if (fault.ignoreRange === true) delete request.headers.range;
  response.play(record, fault);
  return {
    request,
    response,
    url: target,
    signal: gone.signal,
    client: request.socket.remoteAddress ?? "",
    authorized: false,
    confidential: true,
    record,
    fault,
  };
}

interface BeginOptions extends Pick<RecordedRequest, "origin" | "number"> {
  readonly base: string;
  readonly file: (url: URL) => RecordedRequest["file"];
  readonly intercept: Intercept | undefined;
}

function withFault(
  headers: Readonly<Record<string, string>>,
  fault: Fault,
): Record<string, string> {
  const result: Record<string, string> = { ...headers };
  for (const [name, value] of Object.entries(fault.headers ?? {})) {
    const present = Object.keys(result).find((key) => key.toLowerCase() === name.toLowerCase());
    if (present !== undefined) delete result[present];
    if (value !== null) result[name] = value;
  }
  return result;
}

/** A request as the Hub saw it, and what became of it. */
export interface RecordedRequest {
  /** From 1, over both origins. */
  readonly number: number;
  readonly origin: "hub" | "content";
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Which file's bytes were asked for; null for the API. */
  readonly file: { readonly repo: string; readonly path: string } | null;
  /** As served; null where the answer was the whole file, or none. */
  readonly range: ByteRange | null;
  /** 0 until it is answered. */
  readonly status: number;
  /** Of file content, as handed to the connection. */
  readonly sentBytes: number;
}

/** What goes wrong with one answer; several can be combined. */
export interface Fault {
  /** Wait before anything is answered. */
  readonly delayMs?: number;
  /** Nothing is answered before this. */
  readonly until?: Promise<void>;
  /** Instead of the true answer. */
  readonly answer?: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  /** The connection is reset: before any answer, or where `cutAfterBytes` says. */
  readonly reset?: boolean;
  /** Added to the true answer, or in place of its headers; null leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** The body ends, and the connection with it, after so many bytes. */
  readonly cutAfterBytes?: number;
  /** The body stops after so many bytes; the connection stays. */
  readonly stallAfterBytes?: number;
  /** The bytes of the FILE in this range are wrong; the number of bytes is right. */
  readonly garbage?: ByteRange;
  /** So many bytes more than the file has; the headers promise them too. */
  readonly extraBytes?: number;
  /** 200 and the whole file, although a range was asked for. */
  readonly ignoreRange?: boolean;
  /** Compressed, though nobody asked. */
  readonly gzip?: boolean;
  /** This answer alone. */
  readonly bytesPerSecond?: number;
}

/** Looks at each request before it is answered. */
export type Intercept = (request: RecordedRequest) => Fault | undefined;

/** How slow the Hub is. Left out: as fast as the machine. */
export interface Throttle {
  readonly bytesPerSecond?: number;
  readonly bytesPerSecondPerConnection?: number;
  /** Before each answer. */
  readonly latencyMs?: number;
}

/** Lets so many bytes a second pass, in the order in which they were asked for. */
export interface Gate {
  readonly bytesPerSecond: number;
  /** Ends when these bytes may pass. @throws AbortError */
  pass(bytes: number, signal: AbortSignal): Promise<void>;
}

/** Timers come late: what was lost to them in this time is made up for. */
const slackMs = 50;

/** What a Hub measures its time by, and waits with. */
export type HubClock = Pick<Clock, "monotonicMs" | "sleep">;

export function createGate(bytesPerSecond: number, clock: HubClock = realClock): Gate {
  let freeAtMs = clock.monotonicMs();
  return {
    bytesPerSecond,
    async pass(bytes, signal) {
      const nowMs = clock.monotonicMs();
      freeAtMs = Math.max(freeAtMs, nowMs - slackMs) + (bytes / bytesPerSecond) * 1000;
      const waitMs = freeAtMs - nowMs;
      if (waitMs >= 1) await clock.sleep(waitMs, signal);
    },
  };
}

/** Requests in a window, as the Hub counts them: listing and account, and files. */
export interface RateLimits {
  readonly api?: number;
  readonly resolvers?: number;
  /** Default 300. */
  readonly windowSeconds?: number;
}

export interface Quotas {
  /** Counts one request, and answers 429 where there were too many. True where it did. */
  refuse(exchange: Exchange, kind: "api" | "resolvers"): boolean;
}

/** A window begins with its first request. Headers as huggingface_hub reads them: `RateLimit: "api";r=0;t=55`. */
export function createQuotas(limits: RateLimits = {}): Quotas {
  const windowMs = (limits.windowSeconds ?? 300) * 1000;
  const windows = { api: { endsAtMs: 0, used: 0 }, resolvers: { endsAtMs: 0, used: 0 } };
  return {
    refuse(exchange, kind) {
      const quota = limits[kind];
      if (quota === undefined) return false;
      const window = windows[kind];
      const nowMs = performance.now();
      if (nowMs >= window.endsAtMs) Object.assign(window, { endsAtMs: nowMs + windowMs, used: 0 });
      window.used++;
      const left = Math.max(0, quota - window.used);
      const resetSeconds = Math.max(0, Math.round((window.endsAtMs - nowMs) / 1000));
      const { response } = exchange;
      response.setHeader("RateLimit", `"${kind}";r=${left};t=${resetSeconds}`);
      response.setHeader(
        "RateLimit-Policy",
        `"fixed window";"${kind}";q=${quota};w=${windowMs / 1000}`,
      );
      if (window.used <= quota) return false;
      const message = "We had to rate limit your IP. Please log in or wait.";
      sendError(exchange, { status: 429, message });
      return true;
    },
  };
}
