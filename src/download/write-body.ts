import type { ByteStream } from "../host/network.ts";
import { TransientError } from "../source/retry-policy.ts";
import type { Connection } from "./connection.ts";
import type { Segment } from "./segments.ts";
import type { PooledBuffer, Transfer } from "./transfer.ts";

/**
 * Reads a body into a file until the segment's end, which another connection may bring nearer meanwhile. Writes in large
 * pieces and does not read faster than the disk takes them. Whatever came is written, also when the body breaks.
 * @throws Node's errors, and TransientError for a body that is too short
 */
export function writeBody({
  body,
  skipBytes,
  segment,
  write,
  transfer,
  connection,
}: {
  readonly body: ByteStream;
  /** Of the body's beginning, where the server sends the whole file. */
  readonly skipBytes: number;
  readonly segment: Segment;
  readonly write: (bytes: Buffer, position: number) => Promise<void>;
  readonly transfer: Transfer;
  readonly connection: Connection;
}): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let skip = skipBytes;
  let buffer: PooledBuffer | null = null;
  /** Of the buffer: filled, and handed on to the disk. */
  let heldBytes = 0;
  let flushedBytes = 0;
  let writeAt = segment.at;
  let writingBytes = 0;
  let over = false;
  let failure: unknown = null;

  const settle = (): void => {
    if (!over || writingBytes > 0) return;
    if (failure === null) resolve();
    else reject(failure);
  };
  const end = (error: unknown): void => {
    if (over) return;
    over = true;
    failure = error;
    flush();
    if (!body.readableEnded) body.destroy();
    releaseBuffer();
    settle();
  };
  const resume = (): void => {
    const nowMs = transfer.nowMs();
    if (
      over ||
      transfer.pendingBytes > transfer.budget.pendingBytes ||
      nowMs < connection.pausedUntilMs
    )
      return;
    if (body.isPaused()) {
      connection.lastByteMs = nowMs;
      body.resume();
    }
  };
  const flush = (): void => {
    if (buffer === null || heldBytes === flushedBytes) return;
    const [source, position] = [buffer, writeAt];
    const part = source.bytes.subarray(flushedBytes, heldBytes);
    const { length } = part;
    flushedBytes = heldBytes;
    writeAt += length;
    writingBytes += length;
    source.hold();
    if (heldBytes === source.bytes.length) releaseBuffer();
    write(part, position)
      .catch((error: unknown) => {
        failure ??= error;
        over = true;
        body.destroy();
        releaseBuffer();
      })
      .finally(() => {
        source.release();
        writingBytes -= length;
        transfer.pendingBytes -= length;
        resumeWaiting(transfer);
        settle();
      });
  };
  /** Only once the body reads into it no more. */
  const releaseBuffer = (): void => {
    buffer?.release();
    buffer = null;
    heldBytes = flushedBytes = 0;
  };
  const freeSpace = (): Buffer => {
    buffer ??= transfer.buffers.take();
    return buffer.bytes.subarray(heldBytes);
  };
  const fill = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length;) {
      const target = freeSpace();
      // Read straight into its place, unless it came with the answer's head.
      const there = bytes.buffer === target.buffer && bytes.byteOffset === target.byteOffset;
      const filled = there ? bytes.length : bytes.copy(target, 0, at);
      at += filled;
      heldBytes += filled;
      if (filled === target.length) flush();
    }
  };

  connection.tick = () => {
    flush();
    resume();
  };
  connection.isPaused = () => body.isPaused();
  body.readInto?.(freeSpace);
  body.on("data", (chunk: Buffer) => {
    if (over) return;
    const nowMs = transfer.nowMs();
    connection.lastByteMs = nowMs;
    let bytes = chunk;
    if (skip > 0) {
      const skipped = Math.min(skip, bytes.length);
      skip -= skipped;
      bytes = bytes.subarray(skipped);
    }
    const left = segment.end - segment.at;
    if (bytes.length > left) bytes = bytes.subarray(0, left);
    transfer.pendingBytes += bytes.length;
    segment.at += bytes.length;
    transfer.count(connection, { bytes: chunk.length, newBytes: bytes.length }, nowMs);
    fill(bytes);
    if (heldBytes - flushedBytes >= transfer.writeBytes) flush();
    const delayMs = transfer.rateCap?.spend(chunk.length, nowMs) ?? 0;
    if (delayMs > 0) connection.pausedUntilMs = nowMs + delayMs;
    const full = transfer.pendingBytes > transfer.budget.pendingBytes;
    if (full) transfer.waitingForDisk.add(resume);
    if (delayMs > 0 || full) body.pause();
    // A tick, so that the parser sees the end of the answer and the connection can serve again.
    if (segment.at >= segment.end) setImmediate(() => end(null));
  });
  const short = (): void =>
    end(
      segment.at >= segment.end
        ? null
        : new TransientError("network", "the answer ended before its last byte"),
    );
  body.once("end", short);
  body.once("close", short);
  body.once("error", (error) => end(error));
  return promise;
}

/** Connections that waited for the disk read on at once: until the next tick much could have come. */
function resumeWaiting(transfer: Transfer): void {
  if (transfer.waitingForDisk.size === 0 || transfer.pendingBytes > transfer.budget.pendingBytes)
    return;
  const waiting = [...transfer.waitingForDisk];
  transfer.waitingForDisk.clear();
  for (const resume of waiting) resume();
}
