import type { BlobTask } from "./blob-task.ts";
import { forgiveGap } from "./clock-gap.ts";
import { lanesInTheWay } from "./give-way.ts";
import { keepPartial } from "./keep-partials.ts";
import { type Flow, type Lane, LaneMoved } from "./lane.ts";
import type { LaneCount } from "./lane-count.ts";
import type { Outage } from "./trouble.ts";
import { watchLanes } from "./watch-lanes.ts";

/** What an answer counts for beside its bytes: with small files, lanes are worth as many answers as they bring. */
const answerBytes = 16 * 1024;

/** An answer is due after so many round trips, and not before so long. */
const answerRoundTrips = 8;
const leastWaitMs = 500;

export interface Steered {
  readonly flow: Flow;
  readonly lanes: ReadonlySet<Lane>;
  readonly outage: Outage;
  readonly laneCount: LaneCount;
  /** Not yet done. */
  readonly tasks: readonly BlobTask[];
  readonly endedLanes: number;
  /** Every lane that may be there has work. */
  readonly busy: boolean;
  readonly nowMs: number;
  readonly fail: (error: unknown) => void;
}

/** What is done every tick: lanes write, partials are kept, lanes that lag or are in the way are stopped, and their number is judged. */
export function steer(steered: Steered): void {
  const { flow, lanes, laneCount, tasks, endedLanes, nowMs, fail } = steered;
  const gapMs = flow.gapAt(nowMs);
  const busy = steered.busy && gapMs === 0;
  if (gapMs > 0) forgiveGap(gapMs, steered);
  const { tuning, link, budget, receivedBytes } = flow;
  const share = budget.heldBytes / Math.max(1, lanes.size);
  flow.writeBytes = Math.min(budget.mostWriteBytes, Math.max(budget.leastWriteBytes, share));
  for (const lane of lanes) lane.tick();
  for (const task of tasks) {
    if (task.open !== null && task.state === "fetching") {
      keepPartial(task, task.open, { tuning, nowMs, fail });
    }
  }
  watchLanes(lanes, {
    idleMs: tuning.idleMs,
    nowMs,
    ended: link.speeds(),
    spare: lanes.size - laneCount.target(),
    fewerSinceMs: laneCount.fewerSinceMs(),
    isServed: flow.isServed,
    waitMs: Math.max(leastWaitMs, answerRoundTrips * link.roundTripMs()),
  });
  if (busy) {
    for (const lane of lanesInTheWay({ tasks, lanes, nowMs })) {
      lane.stop.abort(new LaneMoved("a lower tier has work"));
    }
  }
  link.noteBytes(receivedBytes, lanes.size, nowMs);
  laneCount.observe({
    doneBytes: receivedBytes + endedLanes * answerBytes,
    busy,
    small: [...lanes].every(({ task }) => task.small),
    nowMs,
    roundTripMs: link.roundTripMs(),
  });
}
