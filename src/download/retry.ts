import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import { delayOf } from "../source/retry.ts";
import { isSilence, type TransientError, transientOnceServed } from "../source/transient-error.ts";
import type { Source } from "../source/source.ts";
import type { Store } from "../store/store.ts";
import { named } from "./blob-file.ts";
import type { BlobTask } from "./blob.ts";
import type { LaneCount } from "./connection-count.ts";
import { type Lane, LaneMoved } from "./connection.ts";
import type { Tuning } from "./tuning.ts";

/** What the pool remembers of troubles that concern all lanes. */
export interface Outage {
  /** No new request before this moment. */
  notBeforeMs: number;
  /** Until when single lanes rest: there are so many fewer until then. */
  restingUntilMs: number[];
  attempts: number;
  lastByteMs: number;
  /** Since when nothing that was asked for came; null where the last question was answered. */
  sinceMs: number | null;
}

/** What a file's server answers wrongly, so often and for so long, it goes on answering. */
const mostBadAnswers = 5;
/** While bytes came so lately, a broken connection is that lane's own affair. */
export const livelyMs = 1500;

/** So many in a row that brought nothing are the file's trouble. */
export const maxOfOneConnection = 4;
const leastDelayMs = 500;

/** Troubles of one connection: the file's other lanes go on. */
const ofOneLane: readonly TransientError["kind"][] = ["network", "server", "refused", "strange"];

/** How many lanes there may be now, of so many that are worth having. */
export function lanesAllowed(outage: Outage, target: number, nowMs: number): number {
  if (nowMs < outage.notBeforeMs) return 0;
  // One probes a network that was gone; its first byte lets the others go.
  if (outage.attempts > 0) return 1;
  outage.restingUntilMs = outage.restingUntilMs.filter((untilMs) => untilMs > nowMs);
  return target - outage.restingUntilMs.length;
}

interface Scene {
  readonly host: Pick<Host, "clock" | "random">;
  readonly emit: Emit;
  readonly tuning: Tuning;
  readonly source: Pick<Source, "failureOf">;
  readonly store: Pick<Store, "failureOf">;
  readonly outage: Outage;
  /** At work, the one with the trouble included. */
  readonly lanes: ReadonlySet<Lane>;
  readonly laneCount: Pick<LaneCount, "shrink" | "limit">;
}

/**
 * Decides when a lane's file is tried again after an error, and says so.
 * @throws what no later try mends, as a Failure where a person can mend it
 */
export function handleTransientError(scene: Scene, lane: Lane, error: unknown): void {
  if (error instanceof LaneMoved) return;
  const { task } = lane;
  const { host, tuning, outage, source, store } = scene;
  const trouble = transientOnceServed(error);
  if (trouble === null) throw source.failureOf(store.failureOf(error));
  const nowMs = host.clock.monotonicMs();
  const everywhere = trouble.kind === "rate-limited" || nowMs - outage.lastByteMs > livelyMs;
  const crowded = !everywhere && isCrowded(lane, trouble, nowMs);
  const isOne = ofOneLane.includes(trouble.kind) && task.attempts + 1 < maxOfOneConnection;
  const ofLane = crowded || (!everywhere && isOne);
  if (crowded) scene.laneCount.limit(lanesServed(scene.lanes, lane, nowMs), nowMs);
  // A small file is its lane's only work; the lane goes on with others, unless the server asks it to wait.
  const rests = ofLane && !crowded && (!task.small || trouble.waitMs !== null);
  // Siblings that fail for the same reason at the same time say nothing new.
  const ofTask = everywhere ? 0 : Math.max(task.notBeforeMs, task.toldUntilMs);
  if (nowMs < Math.max(ofTask, outage.notBeforeMs)) {
    if (rests) {
      const delayMs = delayOf(trouble, Math.max(1, task.attempts), host.random);
      outage.restingUntilMs.push(nowMs + Math.min(tuning.giveUpMs, delayMs));
    } else if (!ofLane) task.notBeforeMs = Math.max(task.notBeforeMs, task.toldUntilMs);
    return;
  }
  if (trouble.kind === "rate-limited") scene.laneCount.shrink(nowMs);

  task.attempts += 1;
  task.troubleSinceMs ??= nowMs;
  if (everywhere) {
    outage.attempts += 1;
    outage.sinceMs ??= nowMs;
  }
  const attempt = everywhere ? Math.max(outage.attempts, task.attempts) : task.attempts;
  // What concerns all files is waited for once, and not by each of them anew.
  const sinceMs = everywhere ? (outage.sinceMs ?? nowMs) : nowMs;
  const longMs = nowMs - Math.min(task.troubleSinceMs, sinceMs);
  const staysBad =
    trouble.kind === "bad-answer" &&
    task.attempts > mostBadAnswers &&
    longMs >= tuning.badAnswersMs;
  if (longMs >= tuning.giveUpMs || staysBad) throw source.failureOf(error);
  const wantedMs = Math.min(delayOf(trouble, attempt, host.random), tuning.giveUpMs - longMs);
  // Silence was a wait already.
  const spentMs = trouble.waitMs === null && everywhere ? nowMs - lane.startedMs : 0;
  const delayMs = Math.round(Math.max(Math.min(wantedMs, leastDelayMs), wantedMs - spentMs));
  task.toldUntilMs = nowMs + delayMs;
  if (rests) outage.restingUntilMs.push(task.toldUntilMs);
  if (!ofLane || task.small) task.notBeforeMs = task.toldUntilMs;
  if (everywhere) outage.notBeforeMs = task.notBeforeMs;
  const reason = trouble.message;
  const others = [...scene.lanes].filter((other) => other.task === task).length - 1;
  const scope = everywhere ? "all" : ofLane && others > 0 ? "lane" : "file";
  scene.emit({ type: "download.retrying", ...named(task), reason, attempt, delayMs, scope });
}

/** Beside this one. Those that wait in vain for as long as it did are none; one that asked a moment ago may be. */
function lanesServed(lanes: ReadonlySet<Lane>, refused: Lane, nowMs: number): number {
  const served = [...lanes].filter(
    (lane) => lane !== refused && (lane.receivedBytes > 0 || nowMs - lane.startedMs <= livelyMs),
  );
  return Math.max(1, served.length);
}

/**
 * Others are served, and this connection never was: the server wants no more of them. A file of which nothing comes is one
 * too many once; after that the trouble is its own.
 */
function isCrowded(
  { task, receivedBytes }: Lane,
  { kind, cause }: TransientError,
  nowMs: number,
): boolean {
  const { attempts, lastByteMs } = task;
  const served = lastByteMs !== null && nowMs - lastByteMs <= livelyMs;
  if (!served && attempts > 0) return false;
  return kind === "refused" || (receivedBytes === 0 && isSilence(cause));
}

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
