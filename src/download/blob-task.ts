import { imageNameOf, isImageRepo } from "../run/repos/file-listing.ts";
import type { FileAddress } from "../source/source.ts";
import type { FollowingHash, Partial, SurveyedBlob } from "../store/store.ts";
import type { Refetch } from "./refetch.ts";
import type { Segments } from "./segments.ts";

/** What is remembered of failures that concern all files of one server. */
export interface Outage {
  /** No new request before this moment. */
  notBeforeMs: number;
  /** Until when single connections pause: there are so many fewer until then. */
  pausedUntilMs: number[];
  attempts: number;
  lastByteMs: number;
  /** Since when nothing that was asked for came; null where the last question was answered. */
  sinceMs: number | null;
}

export function createOutage(): Outage {
  return { notBeforeMs: 0, pausedUntilMs: [], attempts: 0, lastByteMs: 0, sinceMs: null };
}

/** One blob on its way into the cache. Only its pool and what that calls change it. */
export interface BlobTask {
  readonly blob: SurveyedBlob;
  /** Shared by all tasks of its server. */
  readonly outage: Outage;
  /** Held in memory until it is whole. */
  readonly small: boolean;
  /** "failed": for good. "skipped": for the next run, because another file failed. */
  state: "waiting" | "opening" | "fetching" | "verifying" | "done" | "failed" | "skipped";
  /** Of a large file, while it is open. */
  open: OpenTask | null;
  lockHeld: boolean;
  blockedTold: boolean;
  startedTold: boolean;
  /** Where the source sent us for this file, once it has; `null` inside: it answers itself. */
  located: Located | null;
  locating: Promise<void> | null;
  /** The server knows no ranges: one connection fetches all from the first byte. */
  whole: boolean;
  /** Failed requests in a row, without a byte between them. */
  attempts: number;
  failingSinceMs: number | null;
  /** When its last byte came; null before the first. */
  lastByteMs: number | null;
  notBeforeMs: number;
  /** It was told that the file waits until then. */
  toldUntilMs: number;
  hashTries: number;
  /** On disk, or in the cache. */
  receivedBytes: number;
  /** Over the network in this run. */
  fetchedBytes: number;
}

export interface Located {
  readonly address: FileAddress | null;
}

export interface OpenTask {
  readonly partial: Partial;
  readonly segments: Segments;
  hash: FollowingHash;
  /** Once the hash proved wrong. */
  refetch: Refetch | null;
  syncedMs: number;
  syncedBytes: number;
  syncing: boolean;
}

export function createTask(
  blob: SurveyedBlob,
  smallBytes: number,
  outage: Outage = createOutage(),
): BlobTask {
  const heldBytes = blob.held.reduce((sum, { start, end }) => sum + end - start, 0);
  return {
    blob,
    outage,
    small: blob.sizeBytes <= smallBytes,
    state: "waiting",
    open: null,
    lockHeld: false,
    blockedTold: false,
    startedTold: false,
    located: null,
    locating: null,
    whole: false,
    attempts: 0,
    failingSinceMs: null,
    lastByteMs: null,
    notBeforeMs: 0,
    toldUntilMs: 0,
    hashTries: 0,
    receivedBytes: heldBytes,
    fetchedBytes: 0,
  };
}

/** What events say of a file: of a layer, its image. */
export function named({ blob }: BlobTask): {
  model?: string;
  image?: string;
  repo: string;
  path: string;
} {
  const { repo, path, neededBy } = blob;
  const [id] = neededBy;
  if (id === undefined) return { repo, path };
  return isImageRepo(repo) ? { image: imageNameOf(id), repo, path } : { model: id, repo, path };
}
