import type { Size } from "./line.ts";

/** All rows that are drawn on; the last one is the cursor's. */
export function screenRows({ rows }: Size): number {
  return Math.max(1, rows - 1);
}

/** A page leaves one row more, for the last thing that was finished. */
export function frameRows({ rows }: Size): number {
  return Math.max(1, rows - 2);
}

/** One column less: a full last column makes some terminals wrap. */
export function frameColumns({ columns }: Size): number {
  return Math.max(10, columns - 1);
}
