import type { Tuning } from "./tuning.ts";

/** How much may be under way at once, so that a kill costs little: what was sent and is not on disk comes again. */
export interface Budget {
  /** Asked for by all lanes together and not yet here: the kernel's own buffers may hold all of it. */
  readonly askedBytes: number;
  /** Read, and held until it is worth a write: of all lanes, and of one. */
  readonly heldBytes: number;
  readonly leastWriteBytes: number;
  readonly mostWriteBytes: number;
  /** Read and not yet written, of all lanes. */
  readonly pendingBytes: number;
  /** Written to one file, and not yet in its journal. */
  readonly noteBytes: number;
}

/** Less than a hundredth of all that is fetched for what is asked for, and less again for what is on its way to the disk. */
export function budgetFor(totalBytes: number, tuning: Tuning): Budget {
  const { leastWriteBytes, writeBytes, leastPendingBytes, pendingBytes } = tuning;
  return {
    askedBytes: totalBytes / 128,
    heldBytes: totalBytes / 512,
    leastWriteBytes,
    mostWriteBytes: clamp(totalBytes / 1024, leastWriteBytes, writeBytes),
    pendingBytes: clamp(totalBytes / 200, leastPendingBytes, pendingBytes),
    noteBytes: totalBytes / 1024,
  };
}

function clamp(value: number, least: number, most: number): number {
  return Math.round(Math.min(most, Math.max(least, value)));
}
