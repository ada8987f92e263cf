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
  if (open.keeping) return;
  const due =
    nowMs - open.syncedMs >= tuning.syncMs ||
    task.receivedBytes - open.syncedBytes >= tuning.syncBytes;
  open.keeping = true;
  const done = due ? partial.sync() : partial.note();
  if (due) {
    open.syncedMs = nowMs;
    open.syncedBytes = task.receivedBytes;
  }
  done.catch(fail).finally(() => {
    open.keeping = false;
  });
}
