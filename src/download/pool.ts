import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import type { Source } from "../source/source.ts";
import type { Store } from "../store/store.ts";
import type { RateCap } from "./bandwidth.ts";
import {
  type Verified,
  checkpoint,
  finishLarge,
  finishSmall,
  openTask,
  releasePartial,
  tellNoLocks,
  unlock,
} from "./blob-file.ts";
import type { BlobTask } from "./blob.ts";
import { createLaneCount, type LaneCount } from "./connection-count.ts";
import { speedOf, watchLanes } from "./connection-watch.ts";
import { createLane, type Lane, LaneMoved, RangesUnknown, type Transfer } from "./connection.ts";
import { fetchSegment, fetchSmall, fetchWhole } from "./fetch.ts";
import { forgiveGap, handleTransientError, lanesAllowed, type Outage } from "./retry.ts";
import { chooseWork, createGivenUp, isOfOneFile, lanesInTheWay, type Work } from "./schedule.ts";
import { createTransfer } from "./transfer.ts";
import type { Tuning } from "./tuning.ts";

export interface PoolOptions {
  readonly host: Pick<Host, "clock" | "random">;
  readonly source: Source;
  readonly store: Store;
  /** By priority, then model by model: the order in which lanes look for work. */
  readonly tasks: readonly BlobTask[];
  readonly tuning: Tuning;
  readonly mostLanes: number;
  readonly rateCap: RateCap | null;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** The blob has its name. `verified` is null where another process brought it. */
  readonly onDone: (task: BlobTask, verified: Verified | null) => Promise<void>;
  readonly isPaused: () => boolean;
  /** Many times a second. */
  readonly onTick: (lanes: ReadonlySet<Lane>, nowMs: number) => void;
}

/**
 * Fetches all blobs over one pool of lanes. On an error and on abort, what came is journaled first.
 * @throws Failure: at once where it concerns all files, after the others where it is that of one; AbortError
 */
export async function runPool(options: PoolOptions): Promise<void> {
  const { host, source, store, tasks, tuning, emit, signal } = options;
  const nowMs = (): number => host.clock.monotonicMs();
  const lanes = new Set<Lane>();
  const affairs = trackInFlight();
  const ended = Promise.withResolvers<void>();
  const ticking = new AbortController();
  const laneCount = createLaneCount({ first: tuning.firstLanes, most: options.mostLanes });
  const outage: Outage = {
    notBeforeMs: 0,
    restingUntilMs: [],
    attempts: 0,
    lastByteMs: nowMs(),
    sinceMs: null,
  };
  const allBytes = tasks.reduce((bytes, { blob }) => bytes + blob.sizeBytes, 0);
  const flow = createTransfer({ ...options, allBytes, outage, nowMs });
  const { link, budget } = flow;
  const givenUp = createGivenUp();
  let open = tasks.filter(({ state }) => state !== "done");
  let stopped = false;
  let endedLanes = 0;
  let starved = false;

  const stop = (error: unknown): void => {
    if (stopped) return;
    stopped = true;
    for (const lane of lanes) lane.stop.abort(error);
    ended.reject(error);
  };
  const opening = { host, store, emit, budget, onNoLocks: tellNoLocks(emit) };
  const steered = { flow, lanes, laneCount, outage, fail: stop };
  const scene = { ...options, outage, lanes, laneCount };

  function follow(task: BlobTask, affair: Promise<void>): void {
    affairs.follow(affair, (error) => giveUp(task, error), pump);
  }

  /** One file failed for good: what is still worth it goes on. */
  function giveUp(task: BlobTask, error: unknown): void {
    if (stopped) return;
    const networkIsGone = nowMs() - outage.lastByteMs > tuning.giveUpMs;
    if (!isOfOneFile(error, networkIsGone)) {
      stop(error);
      return;
    }
    if (task.state === "failed") return;
    task.state = "failed";
    givenUp.add(task, error);
    leaveWhatIsNotWorthIt();
    if (open.length === 0) return;
    const { code, message, hint } = error;
    emit({ type: "notice", level: "warning", code, message, hint });
  }

  function leaveWhatIsNotWorthIt(): void {
    const stays = (task: BlobTask): boolean =>
      task.state === "verifying" || (task.state !== "failed" && givenUp.isWorthFetching(task));
    const left = open.filter((task) => !stays(task));
    open = open.filter(stays);
    for (const task of left) {
      if (task.state !== "failed") task.state = "left";
      for (const lane of lanes) if (lane.task === task) lane.stop.abort(new LaneMoved("left"));
      letGo(task);
    }
  }

  /** Its partial and its lock, once no lane is at it any more. */
  function letGo(task: BlobTask): void {
    if (task.state !== "failed" && task.state !== "left") return;
    if ([...lanes].some((lane) => lane.task === task)) return;
    const left = releasePartial(task).then(() => unlock(store, task));
    follow(task, left);
  }

  function pump(): void {
    if (stopped) return;
    if (open.length === 0) {
      if (affairs.count() > 0) return; // Each may still fail, and looks here as it ends.
      const failure = givenUp.first();
      if (failure === null) ended.resolve();
      else stop(failure);
      return;
    }
    starved = false;
    if (options.isPaused()) {
      outage.sinceMs = null;
      return;
    }
    const atMs = nowMs();
    while (lanes.size < lanesAllowed(outage, laneCount.target(), atMs)) {
      const width = laneCount.target();
      const work = chooseWork({ tasks: open, lanes, width, nowMs: atMs, tuning, link, budget });
      if (work === null) {
        starved = true;
        return;
      }
      const lane = createLane(work.task, atMs);
      lane.segment = work.segment;
      lanes.add(lane);
      if (work.task.state === "waiting") work.task.state = "opening";
      const run = runLane(lane, work).finally(() => leaveLane(lane));
      follow(work.task, run);
    }
  }

  function leaveLane(lane: Lane): void {
    lanes.delete(lane);
    const last = speedOf(lane, nowMs());
    if (last !== null && !lane.task.small) link.noteSpeed(last);
    endedLanes += 1;
    letGo(lane.task);
  }

  async function runLane(lane: Lane, work: Work): Promise<void> {
    const { task } = work;
    if (task.state === "opening" && !(await enter(task))) return;
    if (stopped || task.state !== "fetching") return;
    const fetching = { source, flow, lane, task };
    const large = task.open;
    const segment = lane.segment ?? large?.segments.take(tuning.leastSegmentBytes) ?? null;
    lane.segment = segment;
    lane.startedMs = lane.lastByteMs = nowMs();
    if (large !== null) pump();
    try {
      if (large === null) {
        const content = await fetchSmall(fetching);
        // The lane goes on while the disk syncs.
        const finished = finishWith(task, () => finishSmall(options, task, content));
        follow(task, finished);
        if (affairs.count() > maxInFlight) await finished.catch(() => {});
      } else if (segment !== null) {
        await fetchSegment(fetching, large, segment);
        large.segments.finish(segment);
      }
    } catch (error) {
      // Only the signal tells why a connection was cut by ourselves.
      const reason: unknown = lane.stop.signal.reason ?? error;
      if (segment !== null) large?.segments.giveBack(segment);
      if (task.small && task.state === "fetching") {
        task.state = "waiting";
        unlock(store, task);
      }
      if (stopped) return;
      if (reason instanceof RangesUnknown && large !== null)
        fetchWhole(task, large.segments, lanes);
      handleTransientError(scene, lane, reason);
    }
    if (large?.segments.done() === true && task.state === "fetching") {
      const finished = finishWith(task, () => finishLarge(options, task, large));
      follow(task, finished);
    }
  }

  /** Opens the file; false where this lane has nothing to do in it. */
  async function enter(task: BlobTask): Promise<boolean> {
    const found = await openTask(opening, task);
    if (found === "present") {
      await done(task, null);
      return false;
    }
    // Another file may have failed meanwhile, and this one with it.
    if (task.state !== "opening") return false;
    task.state = found === "open" ? "fetching" : "waiting";
    if (found === "blocked") task.notBeforeMs = nowMs() + tuning.lockRetryMs;
    return found === "open";
  }

  async function finishWith(task: BlobTask, finish: () => Promise<Verified | null>): Promise<void> {
    task.state = "verifying";
    const verified = await finish();
    if (verified !== null) await done(task, verified);
    else leaveWhatIsNotWorthIt();
  }

  async function done(task: BlobTask, verified: Verified | null): Promise<void> {
    unlock(store, task);
    task.state = "done";
    task.receivedBytes = task.blob.sizeBytes;
    const place = open.indexOf(task);
    if (place !== -1) open.splice(place, 1);
    await options.onDone(task, verified);
  }

  async function tick(): Promise<void> {
    for (;;) {
      await host.clock.sleep(tuning.tickMs, ticking.signal);
      const atMs = nowMs();
      const busy = !starved && lanes.size >= laneCount.target();
      adjustConnections({ ...steered, tasks: open, endedLanes, busy, nowMs: atMs });
      options.onTick(lanes, atMs);
      pump();
    }
  }

  const onAbort = (): void => stop(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const clockwork = tick().catch((error: unknown) => {
    if (!ticking.signal.aborted) stop(error);
  });
  try {
    if (signal.aborted) onAbort();
    pump();
    await ended.promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    ticking.abort();
    await clockwork;
    await affairs.settled();
    await Promise.all(tasks.map((task) => releasePartial(task)));
    for (const task of tasks) unlock(store, task);
  }
}

/** What is under way, so that nothing is left behind at the end. */
export interface InFlight {
  /** Errors go to `onError`, and `after` is called whatever happened. */
  follow(affair: Promise<void>, onError: (error: unknown) => void, after: () => void): void;
  count(): number;
  /** Ends when nothing is under way any more. */
  settled(): Promise<void>;
}

/** Lanes, and files that are finished aside: small ones are in memory meanwhile. */
export const maxInFlight = 96;

export function trackInFlight(): InFlight {
  const affairs = new Set<Promise<void>>();
  return {
    follow(affair, onError, after) {
      const kept = affair.catch(onError).finally(() => {
        affairs.delete(kept);
        after();
      });
      affairs.add(kept);
    },
    count: () => affairs.size,
    async settled() {
      while (affairs.size > 0) await Promise.all(affairs);
    },
  };
}

/** What an answer counts for beside its bytes: with small files, lanes are worth as many answers as they bring. */
const answerBytes = 16 * 1024;

/** An answer is due after so many round trips, and not before so long. */
const answerRoundTrips = 8;
const leastWaitMs = 500;

export interface Adjusted {
  readonly flow: Transfer;
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
export function adjustConnections(steered: Adjusted): void {
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
      checkpoint(task, task.open, { tuning, nowMs, fail });
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
      lane.stop.abort(new LaneMoved("an earlier file has work"));
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
