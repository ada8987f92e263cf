import type { Size } from "./line.ts";

/** A live region that fills the terminal leaks lines into the scrollback: it stays two rows shorter. */
export function frameRows({ rows }: Size): number {
  return Math.max(1, rows - 2);
}

/** One column less: a full last column makes some terminals wrap. */
export function frameColumns({ columns }: Size): number {
  return Math.max(10, columns - 1);
}
