import { Failure } from "../run/failure.ts";
import type { Source } from "../source/source.ts";
import type { BlobTask } from "./blob-task.ts";

/** Files that failed for good, and which others are still worth fetching. */
export interface FailedFiles {
  /** What the pool ends with; null while nothing failed. */
  first(): Failure | null;
  add(task: BlobTask, failure: Failure): void;
  /** Whether some model that can still become whole needs the file, and its priority is not later than a failed one. */
  isWorthFetching(task: BlobTask): boolean;
}

/**
 * A model fails alone: files of its own priority and of earlier ones go on to their end. Those of later ones are left for the
 * next run, so that a person learns soon what has to be fixed.
 */
export function createFailedFiles(): FailedFiles {
  const models = new Set<string>();
  let first: Failure | null = null;
  let priority = Number.POSITIVE_INFINITY;
  return {
    first: () => first,
    add({ blob }, failure) {
      first ??= failure;
      priority = Math.min(priority, blob.priority);
      for (const id of blob.models) models.add(id);
    },
    isWorthFetching: ({ blob }) =>
      blob.priority <= priority && blob.models.some((id) => !models.has(id)),
  };
}

/** Whether an error is that of one file. Others stop everything: a full disk, a cache that can't be written to, a network that is gone, a bug. */
export function isOfOneFile(
  error: unknown,
  { source, networkIsGone }: { source: Pick<Source, "scopeOf">; networkIsGone: boolean },
): error is Failure {
  if (!(error instanceof Failure) || /^(?:disk|cache)\./u.test(error.code)) return false;
  const scope = source.scopeOf(error);
  return scope === "file" || (scope === "network" && !networkIsGone);
}
