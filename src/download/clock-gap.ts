import type { BlobTask } from "./blob-task.ts";
import type { Lane } from "./lane.ts";
import type { Outage } from "./trouble.ts";

/** A pause of the main thread that is longer than this and a tick is none of the network's. */
const longestTickMs = 1000;

/** How long this program did not run since the last tick: Ctrl-Z and fg, a debugger, a machine without a moment for it. */
export function createGapFinder(tickMs: number, startMs: number): (nowMs: number) => number {
  let tickedMs = startMs;
  return (nowMs) => {
    const gapMs = nowMs - tickedMs - tickMs;
    tickedMs = nowMs;
    return gapMs > longestTickMs ? gapMs : 0;
  };
}

/** Nobody was silent meanwhile: bytes may have come, and wait for us. */
export function forgiveGap(
  gapMs: number,
  {
    lanes,
    tasks,
    outage,
  }: {
    readonly lanes: Iterable<Lane>;
    readonly tasks: readonly BlobTask[];
    readonly outage: Outage;
  },
): void {
  outage.lastByteMs += gapMs;
  if (outage.sinceMs !== null) outage.sinceMs += gapMs;
  for (const lane of lanes) {
    lane.startedMs += gapMs;
    lane.lastByteMs += gapMs;
  }
  for (const task of tasks) {
    if (task.troubleSinceMs !== null) task.troubleSinceMs += gapMs;
    if (task.lastByteMs !== null) task.lastByteMs += gapMs;
  }
}
