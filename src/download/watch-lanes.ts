import { PassingTrouble } from "../hub/trouble.ts";
import { type Lane, LaneMoved } from "./lane.ts";

/** A lane this much slower than the middle one is better replaced. */
const slowShare = 1 / 8;
const slowAfterMs = 5000;
/** A rest that comes in this time is waited for. */
const patienceSeconds = 3;

/** Bytes a second of a lane that has run for a while; null for one that says nothing yet. */
export function speedOf(lane: Lane, nowMs: number): number | null {
  const ageMs = nowMs - lane.startedMs;
  return lane.receivedBytes === 0 || ageMs <= 0 ? null : (lane.receivedBytes / ageMs) * 1000;
}

/**
 * Cuts connections that went silent, and those far slower than their siblings: their rest goes to another lane.
 * `ended` are the speeds of lanes that ended lately, so that the last one of a file is measured too.
 */
export function watchLanes(
  lanes: Iterable<Lane>,
  { idleMs, nowMs, ended }: { idleMs: number; nowMs: number; ended: readonly number[] },
): void {
  const speeds: { lane: Lane; bytesPerSecond: number }[] = [];
  for (const lane of lanes) {
    if (lane.isPaused()) continue;
    if (lane.segment !== null && nowMs - lane.lastByteMs > idleMs) {
      const seconds = Math.round(idleMs / 1000);
      const silence = Object.assign(new Error("silence"), { code: "ETIMEDOUT" });
      const trouble = new PassingTrouble("network", `no byte came for ${seconds} s`, null, silence);
      lane.stop.abort(trouble);
      continue;
    }
    const ageMs = nowMs - lane.startedMs;
    // Without a byte it is not slow but silent: an answer may take as long as that.
    if (lane.segment === null || lane.receivedBytes === 0 || ageMs < slowAfterMs) continue;
    speeds.push({ lane, bytesPerSecond: (lane.receivedBytes / ageMs) * 1000 });
  }
  const known = [...ended, ...speeds.map(({ bytesPerSecond }) => bytesPerSecond)];
  if (known.length < 3) return;
  const sorted = known.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  for (const { lane, bytesPerSecond } of speeds) {
    const { segment, task } = lane;
    if (segment === null || task.whole || bytesPerSecond >= middle * slowShare) continue;
    const seconds = (segment.end - segment.at) / Math.max(1, bytesPerSecond);
    if (seconds > patienceSeconds) lane.stop.abort(new LaneMoved("slower than its siblings"));
  }
}
