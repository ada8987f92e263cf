/** Buffers of one size that go round: what a lane fills, the disk empties. */
export interface Slabs {
  take(): Buffer;
  giveBack(slab: Buffer): void;
}

/** Enough for the lanes of a fast link; more are let go. */
const mostKept = 64;

export function createSlabs(bytes: number): Slabs {
  const free: Buffer[] = [];
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(bytes),
    giveBack(slab) {
      if (free.length < mostKept) free.push(slab);
    },
  };
}
