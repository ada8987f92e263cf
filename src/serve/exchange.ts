import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { ByteRange } from "../run/byte-ranges.ts";

/** One request on its way to an answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Checked: an absolute path, decoded names are never "..", "." or empty in the middle, no NUL. */
  readonly url: URL;
  /** Fires when the client is gone or the server closes. */
  readonly signal: AbortSignal;
  /** Address of the client, as it is shown. */
  readonly client: string;
  /** Bearer token, or the password of Basic auth (docker login), matches one of this server's. */
  readonly authorized: boolean;
  /** Over TLS, or from this machine. */
  readonly confidential: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Sends a short answer; nothing but its headers to HEAD. */
export function send(exchange: Exchange, { status, headers = {}, body = "" }: Answer): void {
  const { request, response } = exchange;
  response.writeHead(status, { "Content-Length": String(Buffer.byteLength(body)), ...headers });
  response.end(request.method === "HEAD" ? undefined : body);
}

export function sendJson(
  exchange: Exchange,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const type = { "Content-Type": "application/json; charset=utf-8" };
  send(exchange, { status: 200, headers: { ...type, ...headers }, body: JSON.stringify(value) });
}

export interface Refusal {
  readonly status: number;
  /** Of the Hub's, in X-Error-Code: `RepoNotFound`; left out where it has none. */
  readonly code?: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** As the Hub says no: the code and the sentence in headers, the sentence again as JSON. */
export function sendError(
  exchange: Exchange,
  { status, code, message, headers = {} }: Refusal,
): void {
  send(exchange, {
    status,
    headers: {
      "Content-Type": "application/json; charset=utf-8",
      ...(code === undefined ? {} : { "X-Error-Code": code }),
      // A header may not hold what a name of a file can.
      "X-Error-Message": message.replaceAll(/[^\x20-\x7e]/gu, "?"),
      ...headers,
    },
    body: JSON.stringify({ error: message }),
  });
}

export interface Content {
  readonly sizeBytes: number;
  /** Without its quotes: names these bytes, and no others. */
  readonly etag: string;
  /** Besides those that every answer with content has. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The bytes from `start` to before `end`. Opened once they are sure to be sent, never for HEAD. */
  readonly open: (range: ByteRange) => Promise<Readable>;
}

/** A client that takes nothing for so long is gone. */
export const stalledMs = 60_000;

/**
 * Answers GET or HEAD with content: whole, a range, or that it is known already (RFC 9110, 13 and 14). Never reads faster
 * than the client takes.
 * @throws what opening or reading throws; by then the answer may be begun, and is broken off
 */
export async function sendContent(exchange: Exchange, content: Content): Promise<void> {
  const { response, signal } = exchange;
  await sendHead(exchange, content, async (range, begin) => {
    const body = await content.open(range);
    begin();
    await pump(body, response, signal);
  });
}

/**
 * The head of such an answer, and all of it where no bytes belong to it.
 * @param sendBody sends the bytes of a range, which are some, and ends the answer; `begin` sends the head
 */
export async function sendHead(
  { request, response }: Exchange,
  content: Omit<Content, "open"> & {
    /** A Range is passed over. */
    readonly wholeOnly?: boolean;
  },
  sendBody: (range: ByteRange, begin: () => void) => Promise<void>,
): Promise<void> {
  const { sizeBytes } = content;
  const etag = `"${content.etag}"`;
  const common = { ETag: etag, "Accept-Ranges": "bytes", ...content.headers };
  const answer = (status: number, headers: Readonly<Record<string, string>>): void => {
    response.writeHead(status, headers);
    response.end();
  };
  if (isKnown(request.headers["if-none-match"], content.etag)) return answer(304, common);
  const { range: wanted, "if-range": condition } = request.headers;
  // A date as a condition names no content of ours.
  const counts = condition === undefined || condition === etag;
  const asked = counts && content.wholeOnly !== true ? wanted : undefined;
  const range = asked === undefined ? null : parseRange(asked, sizeBytes);
  if (range === "unsatisfiable") {
    const none = { "Content-Length": "0", "Content-Range": `bytes */${sizeBytes}` };
    return answer(416, { ...common, ...none });
  }
  const { start, end } = range ?? { start: 0, end: sizeBytes };
  const head = {
    "Content-Type": "application/octet-stream",
    ...common,
    "Content-Length": String(end - start),
    ...(range === null ? {} : { "Content-Range": `bytes ${start}-${end - 1}/${sizeBytes}` }),
  };
  const status = range === null ? 200 : 206;
  if (request.method === "HEAD" || start === end) return answer(status, head);
  await sendBody({ start, end }, () => void response.writeHead(status, head));
}

/** Sends a body to its end. @throws what the body throws; AbortError where the client is gone */
async function pump(body: Readable, response: ServerResponse, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | null = null;
  const goOn = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    body.resume();
  };
  const onAbort = (): void => void body.destroy(signal.reason as Error);
  response.on("drain", goOn);
  signal.addEventListener("abort", onAbort, { once: true });
  body.on("data", (bytes: Buffer) => {
    if (response.write(bytes)) return;
    body.pause();
    timer ??= setTimeout(() => response.destroy(), stalledMs);
  });
  body.once("end", resolve).once("error", reject);
  body.once("close", () => reject(new Error("the content ended before its last byte")));
  if (signal.aborted) onAbort();
  try {
    await promise;
    response.end();
  } finally {
    if (timer !== null) clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    response.off("drain", goOn);
    body.destroy();
  }
}

/** One range of bytes (RFC 9110, 14.1.2). Null, so the whole content, for what is none, and for several. */
export function parseRange(header: string, sizeBytes: number): ByteRange | "unsatisfiable" | null {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/u.exec(header.trim()) ?? [];
  if (first === "" && last === "") return null;
  if (first === "") {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? "unsatisfiable" : { start: sizeBytes - length, end: sizeBytes };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return null;
  if (start >= sizeBytes) return "unsatisfiable";
  return { start, end: last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) };
}

/** Whether If-None-Match names this content; a weak name is as good there. */
function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const names = header.split(",").map((name) => name.trim().replace(/^W\//u, ""));
  return names.includes("*") || names.includes(`"${etag}"`);
}
