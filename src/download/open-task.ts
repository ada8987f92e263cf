import type { Host } from "../host/host.ts";
import type { Emit } from "../progress/event.ts";
import type { BlobTask, OpenTask } from "./blob-task.ts";
import type { Budget } from "./budget.ts";
import { missingRanges, prefixBytes } from "./byte-ranges.ts";
import { findBlob } from "./cached.ts";
import { lockPath } from "./cache-layout.ts";
import type { Hashing } from "./hashing.ts";
import { findLockHolder } from "./lock-holder.ts";
import { openPartial } from "./partial.ts";
import { createSegments } from "./segments.ts";

interface Opening {
  readonly host: Pick<Host, "files" | "fileLocks" | "clock">;
  readonly emit: Emit;
  readonly bootId: string;
  readonly budget: Budget;
  readonly hashing: Hashing;
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
  const { host, emit } = opening;
  const { blob, places } = task;
  await host.files.mkdir(places.locks, { recursive: true });
  await host.files.mkdir(places.staging, { recursive: true });
  const path = lockPath(places, blob.blobName);
  const answer = await host.fileLocks.acquire(path);
  if (answer === "busy") {
    if (!task.blockedTold) {
      task.blockedTold = true;
      const holder = await findLockHolder(host.files, path);
      emit({ type: "download.blocked", ...named(task), holder });
    }
    return "blocked";
  }
  task.lockHeld = answer === "held";
  if (answer === "unavailable") opening.onNoLocks();
  if ((await findBlob(host.files, places, blob)) !== null) return "present";
  if (!task.small) task.open = await openLarge(opening, task);
  if (!task.startedTold) {
    task.startedTold = true;
    const { repo, path: file, sizeBytes } = blob;
    const resumedBytes = task.receivedBytes;
    emit({ type: "file.started", repo, path: file, totalBytes: sizeBytes, resumedBytes });
  }
  return "open";
}

async function openLarge(
  { host, bootId, hashing, budget }: Opening,
  task: BlobTask,
): Promise<OpenTask> {
  const { blob, places } = task;
  const { noteBytes } = budget;
  const partial = await openPartial(host.files, places, blob, { bootId, noteBytes });
  task.receivedBytes = partial.writtenBytes();
  const missing = missingRanges(partial.written(), blob.sizeBytes);
  const hash = startHash(hashing, task, partial.path);
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

export function startHash(hashing: Hashing, { blob }: BlobTask, path: string) {
  const gitSha1 = blob.hash.algorithm === "git-sha1";
  return hashing.start({ path, sizeBytes: blob.sizeBytes, gitSha1 });
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
