import type { Readable } from "node:stream";

/** How near an address is: this machine, one's own network (private and link-local addresses), or anybody's. */
export type Reach = "machine" | "private" | "public";

export interface HttpRequest {
  readonly url: string;
  readonly method?: "GET" | "HEAD" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** No byte in either direction for this long ends the request with `ETIMEDOUT`. Default 10 s. */
  readonly idleTimeoutMs?: number;
  /** Of `read`: with this one, no more connections than these; one that is kept for another server gives way. */
  readonly mostConnections?: number;
  /** The whole answer must be there after this long, else the request ends with `ETIMEDOUT`. Default: no limit. Not for `read`. */
  readonly timeLimitMs?: number;
  /** No connection is made to an address that is nearer: it ends with `ERR_ADDRESS_TOO_NEAR`. Default: to any. */
  readonly noNearerThan?: Reach;
}

/** What reading a body needs of a stream. */
export interface ByteStream {
  on(event: "data", listener: (bytes: Buffer) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end" | "close", listener: () => void): unknown;
  once(event: "error", listener: (error: Error) => void): unknown;
  once(event: "end" | "close", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  isPaused(): boolean;
  destroy(error?: Error): unknown;
  /** Every byte was handed on. */
  readonly readableEnded: boolean;
  /**
   * Where the flow can: reads straight into the buffers that `next` gives, and `data` hands on the parts that were filled.
   * The last one given stays in use until the next piece; a piece may still come in memory of the flow's own.
   */
  readInto?(next: () => Buffer): void;
}

export interface HttpResponse<Body = Readable> {
  readonly status: number;
  /** Lower-case names; repeated ones joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** As it came over the wire. Must be read to its end or destroyed. */
  readonly body: Body;
  /** Of the address that was connected to; through a proxy nobody knows, which counts as public. */
  readonly reach: Reach;
}

/** A body as text: the whole, or what had come when there were `mostBytes` of it. The rest is not waited for. */
export async function textOf(
  body: AsyncIterable<Buffer>,
  mostBytes = Number.POSITIVE_INFINITY,
): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    parts.push(part);
    bytes += part.length;
    if (bytes >= mostBytes) break;
  }
  return Buffer.concat(parts).toString("utf8");
}
