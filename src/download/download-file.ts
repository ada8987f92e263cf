import type { Host } from "../host/host.ts";
import { missingRanges, prefixBytes } from "../run/byte-ranges.ts";
import { type Digests, isImageRepo, promisedDigest } from "../run/repos/file-listing.ts";
import type { Emit } from "../run/event.ts";
import { failure } from "../run/failures/table.ts";
import type { Source } from "../source/source.ts";
import type { Store } from "../store/store.ts";
import { type BlobTask, named, type OpenTask, type Outage } from "./blob-task.ts";
import type { ConnectionCount } from "./connection-count.ts";
import { type Connection, RangesUnsupported } from "./connection.ts";
import { fetchRange, fetchSmall, fetchWholeAlone } from "./fetch-range.ts";
import { createRefetch } from "./refetch.ts";
import { handleTransientError } from "./handle-transient-error.ts";
import { createSegments } from "./segments.ts";
import type { Transfer } from "./transfer.ts";
import type { Tuning } from "./tuning.ts";

/** What all files of a download share, and what their pool does for them. */
export interface Engine {
  readonly host: Pick<Host, "clock" | "random">;
  readonly source: Source;
  readonly store: Store;
  readonly emit: Emit;
  readonly tuning: Tuning;
  readonly transfer: Transfer;
  /** Of all servers. */
  readonly outages: ReadonlySet<Outage>;
  /** At work. */
  readonly connections: ReadonlySet<Connection>;
  readonly connectionCount: ConnectionCount;
  isStopped(): boolean;
  /** A file's segments are known: other connections have work. */
  onOpened(): void;
  /** Work that goes on without a connection, and whose error is the file's. Resolves at once, or once less is under way. */
  inBackground(task: BlobTask, work: Promise<void>): Promise<void>;
  /** The content is in the store. `verified` is null where another process brought it. */
  onDone(task: BlobTask, verified: Verified | null): void;
  /** Its hash was wrong, and it is fetched again. */
  onMismatch(): void;
  onNoLocks(): void;
}

/** What a verified file is told with. */
export interface Verified {
  readonly sha256: string;
}

/**
 * What happens to one file on its way from the source to the store, as one connection sees it. A large file has several of
 * them: the first opens it, each fetches ranges of it, and the last one's end is followed by the verification.
 *
 * 1. lock it, which other processes honour, and look again: one of them may have brought it meanwhile
 * 2. resume: open its partial as far as the journal can be trusted; a small file is held in memory instead
 * 3. fetch a range (fetch-range.ts, write-body.ts), which every tick brings nearer to the disk (`checkpoint`)
 * 4. decide what becomes of an error (retry.ts)
 * 5. verify the promised digest once all bytes are there; a content that is wrong is fetched again and compared (refetch.ts)
 * 6. keep it: it is the store's, and unlocked. Its model is published once it is whole (download.ts)
 *
 * @throws what no later try fixes, as a Failure where a person can fix it
 */
export async function downloadFile(engine: Engine, connection: Connection): Promise<void> {
  const { source, tuning, transfer } = engine;
  const { task } = connection;
  if (task.state === "opening" && !(await open(engine, task))) return;
  if (engine.isStopped() || task.state !== "fetching") return;

  const large = task.open;
  const segment = connection.segment ?? large?.segments.take(tuning.minSegmentBytes) ?? null;
  connection.segment = segment;
  connection.startedMs = connection.lastByteMs = transfer.nowMs();
  const fetching = { source, transfer, connection, task };
  if (large !== null) engine.onOpened();
  try {
    if (large === null) {
      const content = await fetchSmall(fetching);
      // The connection goes on while the disk syncs.
      await engine.inBackground(task, finishSmall(engine, task, content));
    } else if (segment !== null) {
      await fetchRange(fetching, large, segment);
      large.segments.finish(segment);
    }
  } catch (error) {
    // Only the signal tells why a connection was cut by ourselves.
    const reason: unknown = connection.stop.signal.reason ?? error;
    if (segment !== null) large?.segments.giveBack(segment);
    if (task.small && task.state === "fetching") {
      task.state = "waiting";
      unlock(engine.store, task);
    }
    if (engine.isStopped()) return;
    if (reason instanceof RangesUnsupported && large !== null) {
      fetchWholeAlone(task, large.segments, engine.connections);
    }
    handleTransientError(engine, connection, reason);
  }
  if (large?.segments.done() === true && task.state === "fetching") {
    void engine.inBackground(task, finishLarge(engine, task, large));
  }
}

/** Locks the file and opens it; false where this connection has nothing to do in it. */
async function open(engine: Engine, task: BlobTask): Promise<boolean> {
  const { store, emit, tuning, transfer } = engine;
  const { blob } = task;
  const answer = await store.lock(blob);
  if (answer === "busy") {
    if (!task.blockedTold) {
      task.blockedTold = true;
      const holder = await store.findLockHolder(blob);
      emit({ type: "download.blocked", ...named(task), holder });
    }
    // Another file may have failed meanwhile, and this one with it.
    if (task.state !== "opening") return false;
    task.state = "waiting";
    task.notBeforeMs = transfer.nowMs() + tuning.lockRetryMs;
    return false;
  }
  task.lockHeld = answer === "held";
  if (answer === "unavailable") engine.onNoLocks();
  if (await store.has(blob)) {
    done(engine, task, null);
    return false;
  }
  if (!task.small) task.open = await resume(engine, task);
  if (!task.startedTold) {
    task.startedTold = true;
    const { repo, path, sizeBytes } = blob;
    const resumedBytes = task.receivedBytes;
    // A layer is never a row.
    if (!isImageRepo(repo))
      emit({ type: "file.started", repo, path, totalBytes: sizeBytes, resumedBytes });
  }
  if (task.state !== "opening") return false;
  task.state = "fetching";
  return true;
}

async function resume({ store, transfer }: Engine, task: BlobTask): Promise<OpenTask> {
  const { blob } = task;
  const partial = await store.openPartial(blob, transfer.budget.noteBytes);
  task.receivedBytes = partial.writtenBytes();
  const missing = missingRanges(partial.written(), blob.sizeBytes);
  const hash = await store.followHash(blob, partial);
  hash.follow(prefixBytes(partial.written()));
  return {
    partial,
    segments: createSegments(missing, blob.sizeBytes),
    hash,
    refetch: null,
    syncedMs: transfer.nowMs(),
    syncedBytes: task.receivedBytes,
    syncing: false,
  };
}

/** Lets hash, journal and disk follow what was written to one file. Calls `fail` with what the disk refuses. */
export function checkpoint(
  task: BlobTask,
  opened: OpenTask,
  {
    transfer: { tuning, disk, nowMs: now },
    fail,
  }: { transfer: Transfer; fail: (error: unknown) => void },
): void {
  const nowMs = now();
  const { partial, hash } = opened;
  task.receivedBytes = partial.writtenBytes();
  hash.follow(prefixBytes(partial.written()));
  void partial.note().catch(fail);
  const due =
    nowMs - opened.syncedMs >= tuning.syncMs ||
    task.receivedBytes - opened.syncedBytes >= tuning.syncBytes;
  if (opened.syncing || !due) return;
  const syncedBytes = task.receivedBytes - opened.syncedBytes;
  opened.syncing = true;
  opened.syncedMs = nowMs;
  opened.syncedBytes = task.receivedBytes;
  void partial
    .sync()
    .then(() => disk.note(syncedBytes, now() - nowMs))
    .catch(fail)
    .finally(() => {
      opened.syncing = false;
    });
}

/** Verifies a large file and keeps it. @throws Failure `download.hash_mismatch` */
async function finishLarge(engine: Engine, task: BlobTask, opened: OpenTask): Promise<void> {
  const { store } = engine;
  const { blob } = task;
  const { partial } = opened;
  task.state = "verifying";
  const replacedBytes = opened.refetch?.takeReplacedBytes() ?? 0;
  // Bytes that are as they were have the hash that they had.
  if (replacedBytes > 0) opened.hash = await store.followHash(blob, partial);
  opened.hash.follow(blob.sizeBytes);
  // The disk can take its time while the rest is hashed.
  const [digests] = await Promise.all([opened.hash.digests, partial.sync()]);
  if (promisedDigest(blob.hash, digests) !== blob.hash.hex) {
    refetch(engine, task, opened, digests);
    engine.onMismatch();
    return;
  }
  await partial.close();
  task.open = null;
  await store.keepPartial(blob, partial);
  done(engine, task, { sha256: digests.sha256 });
}

/** The next round of the comparison; after the last one, a new comparison, from a new address. */
function refetch(engine: Engine, task: BlobTask, opened: OpenTask, digests: Digests): void {
  let round = opened.refetch?.nextRound() ?? null;
  if (round === null) {
    countMismatch(engine, task, digests);
    task.located = null;
    opened.refetch = createRefetch({
      partial: opened.partial,
      sizeBytes: task.blob.sizeBytes,
      suspects: task.blob.held,
      whole: () => task.whole,
      segmentBytes: engine.tuning.maxSegmentBytes,
    });
    round = opened.refetch.nextRound() ?? [];
  }
  opened.segments.offer(round);
  task.state = "fetching";
}

/** The same for a small file that is in memory: a wrong one is fetched again. @throws Failure `download.hash_mismatch` */
async function finishSmall(engine: Engine, task: BlobTask, content: Buffer): Promise<void> {
  const { store } = engine;
  const { blob } = task;
  task.state = "verifying";
  const digests = await store.digestsOf(blob, content);
  if (promisedDigest(blob.hash, digests) !== blob.hash.hex) {
    countMismatch(engine, task, digests);
    task.located = null;
    task.state = "waiting";
    unlock(store, task);
    engine.onMismatch();
    return;
  }
  await store.keepContent(blob, content);
  done(engine, task, { sha256: digests.sha256 });
}

function countMismatch({ tuning, emit, source }: Engine, task: BlobTask, digests: Digests): void {
  task.hashTries += 1;
  if (task.hashTries >= tuning.maxHashTries) {
    const { repo, path, hash } = task.blob;
    const found = promisedDigest(hash, digests);
    const server = source.serverOf?.(repo) ?? source.endpoint;
    throw failure("download.hash_mismatch", { repo, path, hash, found, server });
  }
  const [reason, attempt] = ["its hash does not match", task.hashTries];
  emit({ type: "download.retrying", ...named(task), reason, attempt, delayMs: 0 });
}

function done(engine: Engine, task: BlobTask, verified: Verified | null): void {
  unlock(engine.store, task);
  task.state = "done";
  task.receivedBytes = task.blob.sizeBytes;
  engine.onDone(task, verified);
}

/** At the end of a run, or of what is worth fetching: what came is made safe, for the next run to go on with, and the lock let go. */
export async function leaveFile(store: Store, task: BlobTask): Promise<void> {
  const { open: opened } = task;
  task.open = null;
  if (opened !== null) {
    opened.hash.forget();
    // A disk that is full or gone can't take the line; the journal's last one still holds.
    await opened.partial.sync().catch(() => {});
    await opened.partial.close().catch(() => {});
  }
  unlock(store, task);
}

function unlock(store: Store, task: BlobTask): void {
  if (!task.lockHeld) return;
  task.lockHeld = false;
  store.unlock(task.blob);
}
