import type { Host } from "../host/host.ts";
import { missingRanges, prefixBytes } from "../run/byte-ranges.ts";
import type { Emit } from "../run/event.ts";
import { exitCodes, Failure } from "../run/failure.ts";
import { createDigests, type Digests, type Hashing, promisedDigest } from "../store/hashing.ts";
import { journalPath, lockPath, partialPath, stagedPath } from "../store/hub-cache/layout.ts";
import { findLockHolder } from "../store/hub-cache/lock-holder.ts";
import { findBlob } from "../store/hub-cache/look-up.ts";
import { inStaging } from "../store/hub-cache/staging.ts";
import { openPartial } from "../store/partial.ts";
import type { Budget } from "./bandwidth.ts";
import type { BlobTask, OpenTask } from "./blob.ts";
import { createRefetch } from "./refetch.ts";
import { createSegments } from "./segments.ts";
import type { Tuning } from "./tuning.ts";

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

type Doors = Pick<Host, "files" | "fileLocks">;

/** What a verified file is told with. */
export interface Checked {
  readonly sha256: string;
}

interface Finishing {
  readonly host: Doors;
  readonly tuning: Pick<Tuning, "mostHashTries" | "mostSegmentBytes">;
  readonly hashing: Hashing;
  readonly emit: Emit;
}

/** Checks a large file's hash and stages it under its name; null where the content is wrong and is compared with a second fetch. @throws Failure `download.hash_mismatch` */
export async function finishLarge(
  finishing: Finishing,
  task: BlobTask,
  open: OpenTask,
): Promise<Checked | null> {
  const { files } = finishing.host;
  const { partial } = open;
  const found = open.second?.takeReplacedBytes() ?? 0;
  // Bytes that are as they were have the hash that they had.
  if (found > 0) open.hash = startHash(finishing.hashing, task, partial.path);
  open.hash.follow(task.blob.sizeBytes);
  // The disk can take its time while the rest is hashed.
  const [digests] = await Promise.all([open.hash.digests, partial.sync()]);
  if (promisedDigest(task.blob.hash, digests) !== task.blob.hash.hex) {
    fetchAgain(finishing, task, open, digests);
    return null;
  }
  await partial.close();
  task.open = null;
  await files.rename(partial.path, stagedPath(task.places, task.blob.blobName));
  await files.rm(journalPath(task.places, task.blob.blobName), { force: true });
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
): Promise<Checked | null> {
  const { files } = finishing.host;
  const digests = digestsOf(task, content);
  if (promisedDigest(task.blob.hash, digests) !== task.blob.hash.hex) {
    countMismatch(finishing, task, digests);
    task.located = null;
    task.state = "waiting";
    unlock(finishing.host, task);
    return null;
  }
  const path = partialPath(task.places, task.blob.blobName);
  await files.rm(path, { force: true });
  const handle = await inStaging(files, task.places, () => files.open(path, "wx"));
  try {
    await handle.writeFile(content);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await files.rename(path, stagedPath(task.places, task.blob.blobName));
  return { sha256: digests.sha256 };
}

function digestsOf(task: BlobTask, content: Buffer): Digests {
  const digests = createDigests(content.length, task.blob.hash.algorithm === "git-sha1");
  digests.update(content);
  return digests.finish();
}

function countMismatch({ tuning, emit }: Finishing, task: BlobTask, digests: Digests): void {
  task.hashTries += 1;
  if (task.hashTries >= tuning.mostHashTries) throw hashMismatch(task, digests);
  const reason = "its hash does not match";
  emit({
    type: "download.retrying",
    ...named(task),
    reason,
    attempt: task.hashTries,
    delayMs: 0,
  });
}

export function unlock({ fileLocks }: Doors, task: BlobTask): void {
  if (!task.lockHeld) return;
  task.lockHeld = false;
  fileLocks.release(lockPath(task.places, task.blob.blobName));
}

/** The source gave wrong bytes, time after time. */
function hashMismatch({ blob }: BlobTask, digests: Digests): Failure {
  const found = promisedDigest(blob.hash, digests) ?? "nothing";
  const kind = blob.hash.algorithm === "sha256" ? "SHA-256" : "git SHA-1";
  return new Failure({
    code: "download.hash_mismatch",
    message: `${blob.path} of ${blob.repo} does not have the content that the Hub promises: its ${kind} is ${found}, and should be ${blob.hash.hex}.`,
    hint: "It was fetched three times. Run heros again later; if it stays so, look for a proxy or a mirror that changes files.",
    exitCode: exitCodes.hash,
  });
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
