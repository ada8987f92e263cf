import { prefixBytes } from "./byte-ranges.ts";
import type { BlobTask, OpenTask } from "./blob-task.ts";
import type { Tuning } from "./tuning.ts";

/** Lets hash, journal and disk follow what was written to one file. Calls `fail` with what the disk refuses. */
export function keepPartial(
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
export async function leavePartial(task: BlobTask): Promise<void> {
  const { open } = task;
  task.open = null;
  if (open === null) return;
  open.hash.forget();
  // A disk that is full or gone can't take the line; the journal's last one still holds.
  await open.partial.sync().catch(() => {});
  await open.partial.close().catch(() => {});
}
