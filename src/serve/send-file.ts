import type { FileHandle } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import type { ByteRange } from "../run/byte-ranges.ts";
import { type Content, type Exchange, sendHead, stalledMs } from "./exchange.ts";

export interface FileContent extends Omit<Content, "open"> {
  /** Opened once its bytes are sure to be sent, never for HEAD; closed at the end. */
  readonly open: () => Promise<Pick<FileHandle, "read" | "close">>;
}

/** As `sendContent`, of a file: through buffers that are used again, of which all clients together hold no more than a bounded number. */
export async function sendFile(exchange: Exchange, content: FileContent): Promise<void> {
  await sendHead(exchange, content, async (range, begin) => {
    const handle = await content.open();
    transfers += 1;
    try {
      begin();
      await pump(handle, range, exchange);
    } finally {
      transfers -= 1;
      await handle.close();
    }
  });
}

/** Those under way share the memory: the more there are, the less each reads at a time. */
let transfers = 0;
const budgetBytes = 32 * 1024 * 1024;
const most = 512 * 1024;
const least = 16 * 1024;
/** One is filled while the other is sent. */
const buffersEach = 2;

const pools = new Map<number, Buffer[]>();

function pieceBytes(): number {
  const share = budgetBytes / (Math.max(1, transfers) * buffersEach);
  return Math.max(least, Math.min(most, 2 ** Math.floor(Math.log2(share))));
}

function take(wanted: number): Buffer {
  const bytes = Math.min(pieceBytes(), Math.max(least, 2 ** Math.ceil(Math.log2(wanted))));
  return pools.get(bytes)?.pop() ?? Buffer.allocUnsafeSlow(bytes);
}

function giveBack(buffer: Buffer): void {
  const pool = pools.get(buffer.length) ?? [];
  pools.set(buffer.length, pool);
  if (pool.length * buffer.length < budgetBytes / buffersEach / buffersEach) pool.push(buffer);
}

/** @throws Node's errors; AbortError where the client is gone */
async function pump(
  handle: Pick<FileHandle, "read">,
  { start, end }: ByteRange,
  { response, signal }: Exchange,
): Promise<void> {
  const writing: Promise<void>[] = [];
  for (let at = start; at < end;) {
    if (writing.length >= buffersEach) await writing.shift();
    signal.throwIfAborted();
    const buffer = take(end - at);
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) throw new Error("the file is shorter than it was");
    at += bytesRead;
    const written = write(response, buffer.subarray(0, bytesRead), signal);
    written.catch(() => {});
    writing.push(written.finally(() => giveBack(buffer)));
    writing.at(-1)?.catch(() => {});
  }
  await Promise.all(writing);
  response.end();
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
