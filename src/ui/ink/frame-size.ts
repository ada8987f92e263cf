import type { Size } from "./line.ts";

/** Some terminals say that they have no columns, or no rows, at all. */
const usual = { columns: 80, rows: 24 };

/** All rows that are drawn on; the last one is the cursor's. */
export function screenRows({ rows }: Size): number {
  return Math.max(1, (rows || usual.rows) - 1);
}

/** A page leaves one row more, for the last thing that was finished. */
export function frameRows({ rows }: Size): number {
  return Math.max(1, (rows || usual.rows) - 2);
}

/** One column less: a full last column makes some terminals wrap. */
export function frameColumns({ columns }: Size): number {
  return Math.max(10, (columns || usual.columns) - 1);
}
