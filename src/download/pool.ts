import type { Host } from "../host/host.ts";
import type { Hub } from "../hub/hub.ts";
import type { Emit } from "../progress/event.ts";
import type { BlobTask } from "./blob-task.ts";
import { budgetFor } from "./budget.ts";
import { chooseWork, type Work } from "./choose-work.ts";
import { fetchSegment, fetchSmall } from "./fetch-range.ts";
import { type Checked, finishLarge, finishSmall, unlock } from "./finish-task.ts";
import type { Hashing } from "./hashing.ts";
import { keepPartial, leavePartial } from "./keep-partials.ts";
import { createLane, type Flow, type Lane, LaneMoved, RangesUnknown } from "./lane.ts";
import { createLaneCount } from "./lane-count.ts";
import { createLink } from "./link.ts";
import { noLocks, openTask } from "./open-task.ts";
import type { RateCap } from "./rate-cap.ts";
import { handleTrouble, type Outage } from "./trouble.ts";
import { createSlabs } from "./slabs.ts";
import type { Segments } from "./segments.ts";
import type { Tuning } from "./tuning.ts";
import { speedOf, watchLanes } from "./watch-lanes.ts";

export interface PoolOptions {
  readonly host: Pick<Host, "files" | "fileLocks" | "clock" | "random">;
  readonly hub: Hub;
  readonly cacheDir: string;
  /** By tier, then model by model: the order in which lanes look for work. */
  readonly tasks: readonly BlobTask[];
  readonly tuning: Tuning;
  readonly mostLanes: number;
  readonly rateCap: RateCap | null;
  readonly bootId: string;
  readonly hashing: Hashing;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** The blob has its name. `checked` is null where another process brought it. */
  readonly onDone: (task: BlobTask, checked: Checked | null) => Promise<void>;
  /** Many times a second. */
  readonly onTick: (lanes: ReadonlySet<Lane>, nowMs: number) => void;
}

/** What an answer counts for beside its bytes: with small files, lanes are worth as many answers as they bring. */
const answerBytes = 16 * 1024;

/** Fetches all blobs over one pool of lanes. On an error and on abort, what came is journaled first. @throws Failure, AbortError */
export async function runPool(options: PoolOptions): Promise<void> {
  const { host, hub, tasks, tuning, emit, signal, bootId, hashing } = options;
  const nowMs = (): number => host.clock.monotonicMs();
  const lanes = new Set<Lane>();
  const affairs = new Set<Promise<void>>();
  const ended = Promise.withResolvers<void>();
  const ticking = new AbortController();
  const laneCount = createLaneCount({ first: tuning.firstLanes, most: options.mostLanes });
  const outage: Outage = { notBeforeMs: 0, attempts: 0, lastByteMs: nowMs() };
  const link = createLink();
  const allBytes = tasks.reduce((bytes, { blob }) => bytes + blob.sizeBytes, 0);
  const budget = budgetFor(allBytes, tuning);
  let open = tasks.filter(({ state }) => state !== "done");
  let stopped = false;
  let receivedBytes = 0;
  let endedLanes = 0;
  let starved = false;

  const stop = (error: unknown): void => {
    if (stopped) return;
    stopped = true;
    for (const lane of lanes) lane.stop.abort(error);
    ended.reject(error);
  };
  let locks = true;
  const onNoLocks = (): void => {
    if (locks) emit(noLocks);
    locks = false;
  };
  const opening = { host, emit, bootId, hashing, onNoLocks };
  const shrink = (): void => laneCount.shrink(nowMs());
  const scene = { ...options, endpoint: hub.endpoint, outage, shrink };
  const flow: Flow = {
    tuning,
    rateCap: options.rateCap,
    budget,
    link,
    slabs: createSlabs(budget.writeBytes),
    pendingBytes: 0,
    nowMs,
    count(lane, bytes, atMs) {
      const { task } = lane;
      receivedBytes += bytes;
      lane.receivedBytes += bytes;
      task.fetchedBytes += bytes;
      task.attempts = 0;
      task.troubleSinceMs = null;
      outage.lastByteMs = atMs;
      outage.attempts = 0;
    },
  };

  /** Keeps track of what is under way, so that nothing is left behind at the end. */
  function follow(affair: Promise<void>): void {
    const kept = affair.catch(stop).finally(() => {
      affairs.delete(kept);
      pump();
    });
    affairs.add(kept);
  }

  function pump(): void {
    if (stopped) return;
    if (open.length === 0) {
      ended.resolve();
      return;
    }
    starved = false;
    const atMs = nowMs();
    while (lanes.size < laneCount.target() && atMs >= outage.notBeforeMs) {
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
      follow(runLane(lane, work).finally(() => leaveLane(lane)));
    }
  }

  function leaveLane(lane: Lane): void {
    lanes.delete(lane);
    const last = speedOf(lane, nowMs());
    if (last !== null && !lane.task.small) link.noteSpeed(last);
    endedLanes += 1;
  }

  async function runLane(lane: Lane, work: Work): Promise<void> {
    const { task } = work;
    if (task.state === "opening" && !(await enter(task))) return;
    if (stopped) return;
    const fetching = { hub, flow, lane, task };
    const large = task.open;
    const segment = lane.segment ?? large?.segments.take(tuning.leastSegmentBytes) ?? null;
    lane.segment = segment;
    lane.startedMs = lane.lastByteMs = nowMs();
    if (large !== null) pump();
    try {
      if (large === null) {
        const content = await fetchSmall(fetching);
        await finishWith(task, () => finishSmall(options, task, content));
      } else if (segment !== null) {
        await fetchSegment(fetching, large, segment);
        large.segments.finish(segment);
      }
    } catch (error) {
      // Only the signal tells why a connection was cut by ourselves.
      const { aborted } = lane.stop.signal;
      const reason: unknown = aborted ? lane.stop.signal.reason : error;
      if (segment !== null) large?.segments.giveBack(segment);
      if (task.small && task.state === "fetching") task.state = "waiting";
      if (stopped) return;
      if (reason instanceof RangesUnknown && large !== null) fetchWhole(task, large.segments);
      handleTrouble(scene, task, reason);
    } finally {
      if (task.small) unlock(host, task);
    }
    if (large?.segments.done() === true && task.state === "fetching") {
      task.state = "verifying";
      follow(finishWith(task, () => finishLarge(options, task, large)));
    }
  }

  /** Opens the file; false where this lane has nothing to do in it. */
  async function enter(task: BlobTask): Promise<boolean> {
    const found = await openTask(opening, task);
    if (found === "present") {
      await done(task, null);
      return false;
    }
    task.state = found === "open" ? "fetching" : "waiting";
    if (found === "blocked") task.notBeforeMs = nowMs() + tuning.lockRetryMs;
    return found === "open";
  }

  /** Only one lane can fetch from a server without ranges: the others stop, and one goes on from the first gap. */
  function fetchWhole(task: BlobTask, segments: Segments): void {
    const [first] = task.open?.partial.written() ?? [];
    for (const other of lanes) {
      if (other.task === task && other.segment !== null)
        other.stop.abort(new LaneMoved("one lane fetches the whole file"));
    }
    segments.restart(first?.start === 0 ? first.end : 0);
  }

  async function finishWith(task: BlobTask, finish: () => Promise<Checked | null>): Promise<void> {
    const checked = await finish();
    if (checked !== null) await done(task, checked);
  }

  async function done(task: BlobTask, checked: Checked | null): Promise<void> {
    unlock(host, task);
    task.state = "done";
    task.receivedBytes = task.blob.sizeBytes;
    open = open.filter((other) => other !== task);
    await options.onDone(task, checked);
  }

  async function tick(): Promise<void> {
    for (;;) {
      await host.clock.sleep(tuning.tickMs, ticking.signal);
      const atMs = nowMs();
      for (const lane of lanes) lane.tick();
      for (const task of open) {
        if (task.open !== null && task.state === "fetching") {
          keepPartial(task, task.open, { tuning, nowMs: atMs, fail: stop });
        }
      }
      watchLanes(lanes, { idleMs: tuning.idleMs, nowMs: atMs, ended: link.speeds() });
      link.noteBytes(receivedBytes, lanes.size, atMs);
      laneCount.observe({
        doneBytes: receivedBytes + endedLanes * answerBytes,
        busy: !starved && lanes.size >= laneCount.target(),
        small: [...lanes].every(({ task }) => task.small),
        nowMs: atMs,
        roundTripMs: link.roundTripMs(),
      });
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
    while (affairs.size > 0) await Promise.all(affairs);
    await Promise.all(open.map((task) => leavePartial(task)));
    for (const task of open) unlock(host, task);
  }
}
