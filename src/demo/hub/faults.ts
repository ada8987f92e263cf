import type { IncomingHttpHeaders } from "node:http";

export interface ByteRange {
  readonly start: number;
  /** Before this byte. */
  readonly end: number;
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
