import { prefixBytes } from "./byte-ranges.ts";
import type { BlobTask, OpenTask } from "./blob-task.ts";
import type { Tuning } from "./tuning.ts";

/** Lets hash and disk follow what was written to one file. Calls `fail` with what the disk refuses. */
export function keepPartial(
  task: BlobTask,
  open: OpenTask,
  { tuning, nowMs, fail }: { tuning: Tuning; nowMs: number; fail: (error: unknown) => void },
): void {
  const { partial, hash } = open;
  task.receivedBytes = partial.writtenBytes();
  hash.follow(prefixBytes(partial.written()));
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
