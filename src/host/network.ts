import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";

/** HTTP/1.1 with kept-alive connections and the proxies of the environment, which what runs on this machine is asked past. Follows no redirect: its caller decides what a new origin may see. */
export interface Network {
  /** @throws Node's own errors (`ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`, …), AbortError. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** As `request`, for large bodies: a piece is only good while it is handed on, for its memory is used again. Not HEAD. */
  read(request: HttpRequest): Promise<HttpResponse<ByteStream>>;
  /** True when a TCP port on this machine can be bound on all addresses, and where this user may not try. */
  portIsFree(port: number): Promise<boolean>;
  /** Answers HTTP requests; those of programs on this machine alone, at a free port of 127.0.0.1, unless told otherwise. @throws Node's errors, and OpenSSL's */
  listen(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
    options?: ListenOptions,
  ): Promise<LocalServer>;
  /** Takes part in a multicast group of IPv4 on this machine's networks. @throws Node's errors, where none of them can */
  joinMulticast(options: MulticastOptions): Promise<MulticastGroup>;
  /** Closes the connections that are kept for the next request. */
  closeIdle(): void;
  /** Closes all connections, so that the program can end. */
  close(): void;
}

export interface ListenOptions {
  /** An address of this machine, or one that means all of them: `0.0.0.0`, `::`. Default: `127.0.0.1`. */
  readonly address?: string;
  /** Default: 0, any that is free. */
  readonly port?: number;
  /** As PEM. Left out: plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** More are closed at once. Default: no limit. */
  readonly maxConnections?: number;
}

export interface LocalServer {
  readonly port: number;
  /** Breaks off what is still being answered. */
  close(): Promise<void>;
}

export interface MulticastOptions {
  readonly group: string;
  readonly port: number;
  /** On the networks of these. Default: of those by which other machines reach this one. */
  readonly addresses?: readonly OwnAddress[];
  /** Of these, this one alone. */
  readonly only?: string;
}

/** An address of this machine, and how large its network is. */
export interface OwnAddress {
  readonly address: string;
  readonly netmask: string;
}

export interface Sender {
  readonly address: string;
  readonly port: number;
}

export interface MulticastGroup {
  /** It has the group's port, beside other programs: hears what is sent to all. Else only what is sent to itself. */
  readonly isShared: boolean;
  /** On whose networks it takes part. */
  readonly addresses: readonly OwnAddress[];
  /** False once this machine has other addresses than at the beginning. */
  isCurrent(): boolean;
  /** To all, on each network or on that of one address. Nothing says whether it arrives. */
  send(packet: Buffer, from?: string): void;
  /** To one. */
  reply(packet: Buffer, to: Sender): void;
  listen(listener: (packet: Buffer, from: Sender) => void): void;
  close(): Promise<void>;
}

/** How near an address is: this machine, one's own network (private and link-local addresses), or anybody's. */
export type Reach = "machine" | "private" | "public";

export interface HttpRequest {
  readonly url: string;
  readonly method?: "GET" | "HEAD" | "POST" | "PUT";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
  /** No byte in either direction for this long ends the request with `ETIMEDOUT`. Default 10 s. */
  readonly idleTimeoutMs?: number;
  /** Of `read`: with this one, no more connections than these; one that is kept for another server gives way. */
  readonly maxConnections?: number;
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

/** A body as text: the whole, or what had come when there were `maxBytes` of it. The rest is not waited for. */
export async function textOf(
  body: AsyncIterable<Buffer>,
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    parts.push(part);
    bytes += part.length;
    if (bytes >= maxBytes) break;
  }
  return Buffer.concat(parts).toString("utf8");
}

/** The code of a connection that was not made, because it leads nearer than it may. */
export const tooNear = "ERR_ADDRESS_TOO_NEAR";

/** Addresses that never leave this machine: no resolver is asked for the names. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(?:\.\d{1,3}){3}$/.test(hostname)
  );
}
