import { Failure } from "../progress/failure.ts";
import type { BlobTask } from "./blob-task.ts";

/** Codes of failures that every file would end with. */
const ofAll = ["hub.tls", "hub.proxy", "hub.token_refused"];
/** Codes of a network that was waited for in vain: of one file's server, or of all. */
const ofNetwork = ["hub.unreachable", "hub.rate_limited", "hub.server_error"];

/** Files that failed for good, and which others are still worth fetching. */
export interface GivenUp {
  /** What the pool ends with; null while nothing failed. */
  first(): Failure | null;
  add(task: BlobTask, failure: Failure): void;
  /** Whether some model that can still become whole needs the file, and its tier is not later than a failed one. */
  isWorthFetching(task: BlobTask): boolean;
}

/**
 * A model fails alone: files of its own tier and of earlier ones go on to their end. Those of later tiers are left for the
 * next run, so that a person learns soon what has to be mended.
 */
export function createGivenUp(): GivenUp {
  const models = new Set<string>();
  let first: Failure | null = null;
  let tier = Number.POSITIVE_INFINITY;
  return {
    first: () => first,
    add({ blob }, failure) {
      first ??= failure;
      tier = Math.min(tier, blob.tier);
      for (const id of blob.models) models.add(id);
    },
    isWorthFetching: ({ blob }) => blob.tier <= tier && blob.models.some((id) => !models.has(id)),
  };
}

/** Whether an error is that of one file. Others stop everything: a full disk, a cache that can't be written to, a network that is gone, a bug. */
export function isOfOneFile(error: unknown, networkIsGone: boolean): error is Failure {
  if (!(error instanceof Failure)) return false;
  if (/^(?:disk|cache)\./u.test(error.code) || ofAll.includes(error.code)) return false;
  return !(networkIsGone && ofNetwork.includes(error.code));
}
