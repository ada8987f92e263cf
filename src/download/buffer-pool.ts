/** A buffer that a connection fills from the front while the disk empties it behind. */
export interface PooledBuffer {
  readonly bytes: Buffer;
  /** Another needs it for a while: a write that has begun. */
  hold(): void;
  /** The last to let go gives it back. Who took it holds it. */
  release(): void;
}

/** Buffers of one size that go round. */
export interface BufferPool {
  take(): PooledBuffer;
}

/** Enough for the connections of a fast link; more are let go. */
const maxKept = 64;

export function createBufferPool(sizeBytes: number): BufferPool {
  const free: Buffer[] = [];
  return {
    take() {
      const bytes = free.pop() ?? Buffer.allocUnsafeSlow(sizeBytes);
      let holders = 1;
      return {
        bytes,
        hold: () => void (holders += 1),
        release() {
          holders -= 1;
          if (holders === 0 && free.length < maxKept) free.push(bytes);
        },
      };
    },
  };
}
