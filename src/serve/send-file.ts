import type { FileHandle } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import type { ByteRange } from "../run/byte-ranges.ts";
import { type Content, type Exchange, sendHead, stalledMs } from "./exchange.ts";

/** What reading a file needs of it. */
export type Reader = Pick<FileHandle, "read" | "close">;

export interface FileContent extends Omit<Content, "open"> {
  /** Opened once its bytes are sure to be sent, never for HEAD; closed at the end. */
  readonly open: () => Promise<Reader>;
}

/** As `sendContent`, of a file: through buffers that are used again, of which all clients together hold no more than a bounded number. */
export async function sendFile(exchange: Exchange, content: FileContent): Promise<void> {
  await sendHead(exchange, content, async (range, begin) => {
    const reader = await content.open();
    try {
      begin();
      const pieces = openPieces(exchange);
      await pieces.send(reader, range);
      await pieces.end();
    } finally {
      await reader.close();
    }
  });
}

/** What is sent of a body, piece by piece. */
export interface Pieces {
  /** Reads a range and sends it, no faster than the client takes it. @throws Node's errors; AbortError where the client is gone */
  send(reader: Pick<Reader, "read">, range: ByteRange): Promise<void>;
  /** Nothing more will be sent. */
  end(): Promise<void>;
}

/** Those under way share the memory: the more there are, the less each reads at a time. */
let transfers = 0;
const budgetBytes = 8 * 1024 * 1024;
const most = 256 * 1024;
const least = 16 * 1024;
/** One is filled while the other is sent. */
const buffersEach = 2;

/** The answer's head is sent already. */
export function openPieces({ response, signal }: Exchange): Pieces {
  const writing: Promise<void>[] = [];
  transfers += 1;
  response.once("close", () => (transfers -= 1));
  return {
    async send(reader, { start, end }) {
      for (let at = start; at < end;) {
        if (writing.length >= buffersEach) await writing.shift();
        signal.throwIfAborted();
        const buffer = take(end - at);
        const wanted = Math.min(buffer.length, end - at);
        const { bytesRead } = await reader.read(buffer, 0, wanted, at);
        if (bytesRead === 0) throw new Error("the file is shorter than it was");
        at += bytesRead;
        const written = write(response, buffer.subarray(0, bytesRead), signal);
        const done = written.finally(() => giveBack(buffer));
        done.catch(() => {});
        writing.push(done);
      }
    },
    async end() {
      await Promise.all(writing);
      response.end();
    },
  };
}

const pools = new Map<number, Buffer[]>();

function take(wanted: number): Buffer {
  const share = budgetBytes / (Math.max(1, transfers) * buffersEach);
  const bytes = Math.max(least, Math.min(powerBelow(share), most, powerBelow(wanted * 2 - 1)));
  return pools.get(bytes)?.pop() ?? Buffer.allocUnsafeSlow(bytes);
}

function powerBelow(bytes: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, bytes)));
}

function giveBack(buffer: Buffer): void {
  const pool = pools.get(buffer.length) ?? [];
  pools.set(buffer.length, pool);
  if (pool.length * buffer.length < budgetBytes / 2) pool.push(buffer);
}

/** Ends once the bytes are the kernel's. */
function write(response: ServerResponse, bytes: Buffer, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(signal.reason as Error);
  const timer = setTimeout(() => response.destroy(), stalledMs);
  signal.addEventListener("abort", onAbort, { once: true });
  response.write(bytes, (error) => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    if (error === null || error === undefined) resolve();
    else reject(error);
  });
  return promise;
}
