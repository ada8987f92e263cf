import type { Host } from "../host/host.ts";
import { missingRanges, prefixBytes } from "../run/byte-ranges.ts";
import type { Emit } from "../run/event.ts";
import { type Digests, promisedDigest } from "../run/digest.ts";
import { failure } from "../run/failures/table.ts";
import type { Store } from "../store/store.ts";
import type { Budget } from "./bandwidth.ts";
import type { BlobTask, OpenTask } from "./blob.ts";
import { createRefetch } from "./refetch.ts";
import { createSegments } from "./segments.ts";
import type { Tuning } from "./tuning.ts";

interface Opening {
  readonly host: Pick<Host, "clock">;
  readonly store: Store;
  readonly emit: Emit;
  readonly budget: Budget;
  onNoLocks(): void;
}

/**
 * Takes the blob's lock, which Python's client honours too, and looks again at what is there: another process may
 * have brought it meanwhile. "blocked": another process holds the lock. "present": nothing is left to do.
 */
export async function openTask(
  opening: Opening,
  task: BlobTask,
): Promise<"blocked" | "present" | "open"> {
  const { store, emit } = opening;
  const { blob } = task;
  const answer = await store.lock(blob);
  if (answer === "busy") {
    if (!task.blockedTold) {
      task.blockedTold = true;
      const holder = await store.findLockHolder(blob);
      emit({ type: "download.blocked", ...named(task), holder });
    }
    return "blocked";
  }
  task.lockHeld = answer === "held";
  if (answer === "unavailable") opening.onNoLocks();
  if (await store.has(blob)) return "present";
  if (!task.small) task.open = await openLarge(opening, task);
  if (!task.startedTold) {
    task.startedTold = true;
    const { repo, path: file, sizeBytes } = blob;
    const resumedBytes = task.receivedBytes;
    emit({ type: "file.started", repo, path: file, totalBytes: sizeBytes, resumedBytes });
  }
  return "open";
}

async function openLarge({ host, store, budget }: Opening, task: BlobTask): Promise<OpenTask> {
  const { blob } = task;
  const partial = await store.openPartial(blob, budget.noteBytes);
  task.receivedBytes = partial.writtenBytes();
  const missing = missingRanges(partial.written(), blob.sizeBytes);
  const hash = await store.followHash(blob, partial);
  hash.follow(prefixBytes(partial.written()));
  return {
    partial,
    segments: createSegments(missing, blob.sizeBytes),
    hash,
    second: null,
    syncedMs: host.clock.monotonicMs(),
    syncedBytes: task.receivedBytes,
    keeping: false,
  };
}

/** Told once: a second program on the same cache would not be noticed. */
export function tellNoLocks(emit: Emit): () => void {
  let told = false;
  return () => {
    if (!told) emit(noLocks);
    told = true;
  };
}

const noLocks = {
  type: "notice",
  level: "warning",
  code: "cache.no_locks",
  message: "Files in the cache can't be locked, so don't run a second download into it meanwhile.",
  hint: "Locks need perl, and a file system that has them.",
} as const;

/** What events say of a file. */
export function named({ blob }: BlobTask): { model?: string; repo: string; path: string } {
  const [model] = blob.models;
  const { repo, path } = blob;
  return model === undefined ? { repo, path } : { model, repo, path };
}

/** What a verified file is told with. */
export interface Verified {
  readonly sha256: string;
}

interface Finishing {
  readonly store: Store;
  readonly tuning: Pick<Tuning, "mostHashTries" | "mostSegmentBytes">;
  readonly emit: Emit;
}

/** Checks a large file's hash and stages it under its name; null where the content is wrong and is compared with a second fetch. @throws Failure `download.hash_mismatch` */
export async function finishLarge(
  finishing: Finishing,
  task: BlobTask,
  open: OpenTask,
): Promise<Verified | null> {
  const { store } = finishing;
  const { partial } = open;
  const found = open.second?.takeReplacedBytes() ?? 0;
  // Bytes that are as they were have the hash that they had.
  if (found > 0) open.hash = await store.followHash(task.blob, partial);
  open.hash.follow(task.blob.sizeBytes);
  // The disk can take its time while the rest is hashed.
  const [digests] = await Promise.all([open.hash.digests, partial.sync()]);
  if (promisedDigest(task.blob.hash, digests) !== task.blob.hash.hex) {
    fetchAgain(finishing, task, open, digests);
    return null;
  }
  await partial.close();
  task.open = null;
  await store.keepPartial(task.blob, partial);
  return { sha256: digests.sha256 };
}

/** The next round of the comparison; after the last one, a new comparison, from a new address. */
function fetchAgain(finishing: Finishing, task: BlobTask, open: OpenTask, digests: Digests): void {
  let round = open.second?.nextRound() ?? null;
  if (round === null) {
    countMismatch(finishing, task, digests);
    task.located = null;
    open.second = createRefetch({
      partial: open.partial,
      sizeBytes: task.blob.sizeBytes,
      suspects: task.blob.held,
      whole: () => task.whole,
      segmentBytes: finishing.tuning.mostSegmentBytes,
    });
    round = open.second.nextRound() ?? [];
  }
  open.segments.offer(round);
  task.state = "fetching";
}

/** The same for a small file that is in memory. */
export async function finishSmall(
  finishing: Finishing,
  task: BlobTask,
  content: Buffer,
): Promise<Verified | null> {
  const { store } = finishing;
  const digests = await store.digestsOf(task.blob, content);
  if (promisedDigest(task.blob.hash, digests) !== task.blob.hash.hex) {
    countMismatch(finishing, task, digests);
    task.located = null;
    task.state = "waiting";
    unlock(store, task);
    return null;
  }
  await store.keepContent(task.blob, content);
  return { sha256: digests.sha256 };
}

function countMismatch({ tuning, emit }: Finishing, task: BlobTask, digests: Digests): void {
  task.hashTries += 1;
  if (task.hashTries >= tuning.mostHashTries) {
    const { repo, path, hash } = task.blob;
    const found = promisedDigest(hash, digests);
    throw failure("download.hash_mismatch", { repo, path, hash, found });
  }
  const reason = "its hash does not match";
  emit({
    type: "download.retrying",
    ...named(task),
    reason,
    attempt: task.hashTries,
    delayMs: 0,
  });
}

export function unlock(store: Store, task: BlobTask): void {
  if (!task.lockHeld) return;
  task.lockHeld = false;
  store.unlock(task.blob);
}

/** Lets hash, journal and disk follow what was written to one file. Calls `fail` with what the disk refuses. */
export function checkpoint(
  task: BlobTask,
  open: OpenTask,
  { tuning, nowMs, fail }: { tuning: Tuning; nowMs: number; fail: (error: unknown) => void },
): void {
  const { partial, hash } = open;
  task.receivedBytes = partial.writtenBytes();
  hash.follow(prefixBytes(partial.written()));
  void partial.note().catch(fail);
  const due =
    nowMs - open.syncedMs >= tuning.syncMs ||
    task.receivedBytes - open.syncedBytes >= tuning.syncBytes;
  if (open.keeping || !due) return;
  open.keeping = true;
  open.syncedMs = nowMs;
  open.syncedBytes = task.receivedBytes;
  void partial
    .sync()
    .catch(fail)
    .finally(() => {
      open.keeping = false;
    });
}

/** At the end of a run: what came is made safe, for the next one to go on with. */
export async function releasePartial(task: BlobTask): Promise<void> {
  const { open } = task;
  task.open = null;
  if (open === null) return;
  open.hash.forget();
  // A disk that is full or gone can't take the line; the journal's last one still holds.
  await open.partial.sync().catch(() => {});
  await open.partial.close().catch(() => {});
}
