import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  addRange,
  type ByteRange,
  type ByteRanges,
  countBytes,
  removeRange,
} from "../../src/run/byte-ranges.ts";

/** One request to the registry, as whoever makes it goes wrong decides by it. */
export interface FrontRequest {
  readonly method: string;
  readonly url: string;
  readonly kind: "manifest" | "blob" | "other";
  /** Of what is asked for, or its tag. */
  readonly reference: string;
  /** An engine asks, and not heros. */
  readonly byDocker: boolean;
}

/** What becomes of one request instead of the registry's answer. */
export type FrontFault =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  /** Nobody answers. */
  | { readonly silent: true }
  /** The registry's answer, once this ends. */
  | { readonly after: Promise<void> }
  /** The connection ends after this share of the body. */
  | { readonly cutAt: number }
  /** Nothing more comes after this share of the body. */
  | { readonly stallAt: number }
  /** A byte now and then. */
  | { readonly drip: true }
  /** The first byte is another one. */
  | { readonly garbled: true }
  /** The body is that of this text, which has no end. */
  | { readonly endless: string };

/** A server before a registry, which counts what it sends, holds it back, and goes wrong as it is told. */
export interface Front {
  /** Where the registry is reached. */
  readonly host: string;
  /** Of the bodies of blobs, as far as they were sent. */
  blobBytes(): number;
  /** Of all bodies. */
  sentBytes(): number;
  /** What was sent of blobs by now is what a run has, which the next one need not fetch. */
  mark(): void;
  /**
   * Of blobs, sent since the mark although it was sent before it. What heros itself asks for twice meanwhile, since a connection
   * took over from another one whose bytes it had not read yet, depends on how busy this machine is.
   * @param but a blob that does not count
   */
  twiceBytes(but?: string): number;
  requests(): number;
  reset(): void;
  setThrottle(bytesPerSecond: number | null): void;
  /** So many bytes of blobs since the last reset, each counted once, and no more until it is raised. */
  allow(blobBytes: number): void;
  /** Asked of each request; undefined: all is well. */
  setFault(faultOf: ((asked: FrontRequest) => FrontFault | undefined) | null): void;
  /** Ends the answers that are under way. */
  cut(): void;
  close(): Promise<void>;
}

const dripMs = 300;
/** What is held back or sent at once: a kill can't lose more than some of these. */
const pieceBytes = 32 * 1024;

export async function openFront(port: number): Promise<Front> {
  let blobBytes = 0;
  let sentBytes = 0;
  let requests = 0;
  let throttle: number | null = null;
  let freeAtMs = 0;
  let allowedBytes = Number.POSITIVE_INFINITY;
  /** Of blobs, by their digests: what was sent, of that what was sent before the mark, and how many bytes of that again since. */
  const sentRanges = new Map<string, ByteRanges>();
  let marked: ReadonlyMap<string, ByteRanges> = new Map();
  const twice = new Map<string, number>();
  let faultOf: ((asked: FrontRequest) => FrontFault | undefined) | null = null;
  let raised = Promise.withResolvers<void>();
  const open = new Set<ServerResponse>();
  const ended = new WeakSet<ServerResponse>();

  /** Ends once so much of a blob may be sent, or nobody waits for it any longer. */
  async function untilAllowed(
    digest: string,
    piece: ByteRange,
    gone: Promise<unknown>,
  ): Promise<void> {
    let isGone = false;
    void gone.then(() => (isGone = true));
    for (;;) {
      if (isGone) return;
      const known = sentRanges.get(digest) ?? [];
      const now = addRange(known, piece);
      if (distinctBytes() - countBytes(known) + countBytes(now) <= allowedBytes) {
        sentRanges.set(digest, now);
        break;
      }
      await Promise.race([raised.promise, gone]);
    }
    const before = marked.get(digest) ?? [];
    const again = countBytes(before) - countBytes(removeRange(before, piece));
    twice.set(digest, (twice.get(digest) ?? 0) + again);
    if (throttle === null) return;
    const bytes = piece.end - piece.start;
    freeAtMs = Math.max(freeAtMs, performance.now()) + (bytes / throttle) * 1000;
    await after(freeAtMs - performance.now());
  }

  const sum = (numbers: Iterable<number>): number =>
    [...numbers].reduce((all, each) => all + each, 0);
  const distinctBytes = (): number => sum([...sentRanges.values()].map(countBytes));

  function send(piece: Buffer, answer: ServerResponse): Promise<void> {
    sentBytes += piece.length;
    return new Promise((resolve) => answer.write(piece, () => resolve()));
  }

  async function relay(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const seen = readRequest(asked);
    const fault = faultOf?.(seen);
    if (fault !== undefined && (await answerBadly(fault, answer))) return;
    const { method, url, headers } = asked;
    const upstream = request({ host: "127.0.0.1", port, method, path: url, headers });
    answer.on("close", () => upstream.destroy());
    asked.pipe(upstream);
    const [response] = (await once(upstream, "response")) as [IncomingMessage];
    answer.writeHead(response.statusCode ?? 502, response.headers);
    const isBlob = seen.kind === "blob" && method === "GET";
    const endAt = endOf(fault, Number(response.headers["content-length"] ?? 0));
    const gone = once(answer, "close");
    const drips = fault !== undefined && "drip" in fault;
    const startAt = Number(
      /^bytes (\d+)-/u.exec(response.headers["content-range"] ?? "")?.[1] ?? 0,
    );
    let sent = 0;
    for await (const whole of response as AsyncIterable<Buffer>) {
      if (fault !== undefined && "garbled" in fault && sent === 0) whole[0] = (whole[0] ?? 0) ^ 1;
      const most = drips ? 1 : pieceBytes;
      for (let from = 0; from < whole.length && sent < endAt; from += most) {
        const piece = whole.subarray(from, Math.min(from + most, whole.length));
        if (drips) await after(dripMs);
        const at = startAt + sent;
        const range = { start: at, end: at + piece.length };
        if (isBlob) await untilAllowed(seen.reference, range, gone);
        if (answer.destroyed || ended.has(answer)) return;
        const kept = piece.subarray(0, Math.min(piece.length, endAt - sent));
        sent += kept.length;
        if (isBlob) blobBytes += kept.length;
        await send(kept, answer);
      }
      if (sent >= endAt) break;
    }
    if (fault !== undefined && "stallAt" in fault) return;
    if (endAt < Number.POSITIVE_INFINITY) answer.socket?.end();
    else answer.end();
  }

  /** @returns false where the registry answers after all */
  async function answerBadly(fault: FrontFault, answer: ServerResponse): Promise<boolean> {
    if ("silent" in fault) return true;
    if ("after" in fault) await fault.after;
    if ("status" in fault) {
      const { status, headers = {}, body = "" } = fault;
      answer.writeHead(status, { "Content-Type": "application/json", ...headers });
      answer.end(body);
      return true;
    }
    if (!("endless" in fault)) return false;
    answer.writeHead(200, { "Content-Type": "application/vnd.oci.image.manifest.v1+json" });
    const piece = Buffer.alloc(pieceBytes, fault.endless);
    while (!answer.destroyed) await send(piece, answer);
    return true;
  }

  const server = createServer((asked, answer) => {
    requests += 1;
    open.add(answer);
    answer.on("close", () => open.delete(answer));
    relay(asked, answer).catch(() => answer.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    blobBytes: () => blobBytes,
    sentBytes: () => sentBytes,
    requests: () => requests,
    mark() {
      marked = new Map(sentRanges);
      twice.clear();
    },
    twiceBytes: (but) => sum([...twice].map(([digest, bytes]) => (digest === but ? 0 : bytes))),
    reset() {
      blobBytes = sentBytes = requests = 0;
      sentRanges.clear();
      twice.clear();
      marked = new Map();
    },
    setThrottle(bytesPerSecond) {
      throttle = bytesPerSecond;
    },
    allow(bytes) {
      allowedBytes = bytes;
      raised.resolve();
      raised = Promise.withResolvers();
    },
    setFault(next) {
      faultOf = next;
    },
    cut() {
      for (const answer of open) {
        ended.add(answer);
        // What was sent arrives before the end does.
        answer.socket?.end();
      }
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function readRequest({ method = "GET", url = "/", headers }: IncomingMessage): FrontRequest {
  const [, kind = "", reference = ""] = /\/(manifests|blobs)\/([^/?]+)$/u.exec(url) ?? [];
  const kinds = { manifests: "manifest", blobs: "blob" } as const;
  const known = kind === "manifests" || kind === "blobs" ? kinds[kind] : "other";
  const byDocker = headers["user-agent"]?.startsWith("docker/") === true;
  return { method, url, kind: known, reference, byDocker };
}

function endOf(fault: FrontFault | undefined, sizeBytes: number): number {
  if (fault === undefined) return Number.POSITIVE_INFINITY;
  if ("cutAt" in fault) return Math.floor(sizeBytes * fault.cutAt);
  return "stallAt" in fault ? Math.floor(sizeBytes * fault.stallAt) : Number.POSITIVE_INFINITY;
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
