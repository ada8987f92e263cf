import type { Host } from "../host/host.ts";
import type { Emit } from "../progress/event.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import type { BlobTask, OpenTask } from "./blob-task.ts";
import { journalPath, lockPath, partialPath, stagedPath } from "./cache-layout.ts";
import { createDigests, promisedDigest } from "./digests.ts";
import type { Digests } from "./hash-messages.ts";
import type { Hashing } from "./hashing.ts";
import { named, startHash } from "./open-task.ts";
import { createSecondFetch } from "./second-fetch.ts";
import { inStaging } from "./staging.ts";
import type { Tuning } from "./tuning.ts";

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
    open.second = createSecondFetch({
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
