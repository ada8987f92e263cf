import type { Host } from "../host/host.ts";
import { failureOfError } from "../hub/failures.ts";
import { delayOf } from "../hub/retry.ts";
import { type PassingTrouble, troubleOf } from "../hub/trouble.ts";
import type { Emit } from "../progress/event.ts";
import type { BlobTask } from "./blob-task.ts";
import { failureOfFiles } from "./disk-space.ts";
import { type Lane, LaneMoved } from "./lane.ts";
import { named } from "./open-task.ts";
import type { Tuning } from "./tuning.ts";

/** What the pool remembers of troubles that concern all lanes. */
export interface Outage {
  /** No new request before this moment. */
  notBeforeMs: number;
  /** Until when single lanes rest: there are so many fewer until then. */
  restingUntilMs: number[];
  attempts: number;
  lastByteMs: number;
}

/** Troubles of these kinds come from one file or one server's rule: trying for long does not help. */
const mostAttempts: Partial<Record<PassingTrouble["kind"], number>> = {
  "bad-answer": 5,
  refused: 8,
  expired: 8,
};
/** While bytes came so lately, a broken connection is that lane's own affair. */
const livelyMs = 1500;

/** Troubles of one connection: the file's other lanes go on. */
const ofOneLane: readonly PassingTrouble["kind"][] = ["network", "server"];

/** How many lanes there may be now, of so many that are worth having. */
export function lanesAllowed(outage: Outage, target: number, nowMs: number): number {
  if (nowMs < outage.notBeforeMs) return 0;
  outage.restingUntilMs = outage.restingUntilMs.filter((untilMs) => untilMs > nowMs);
  return target - outage.restingUntilMs.length;
}

interface Scene {
  readonly host: Pick<Host, "clock" | "random">;
  readonly emit: Emit;
  readonly tuning: Tuning;
  readonly endpoint: string;
  readonly cacheDir: string;
  readonly outage: Outage;
  /** At work, the one with the trouble included. */
  readonly lanes: ReadonlySet<Lane>;
  /** Fewer connections, please. */
  shrink(): void;
}

/**
 * Decides when a file is tried again after an error, and says so.
 * @throws what no later try mends, as a Failure where a person can mend it
 */
export function handleTrouble(scene: Scene, task: BlobTask, error: unknown): void {
  if (error instanceof LaneMoved) return;
  const { host, tuning, outage, endpoint, cacheDir } = scene;
  const trouble = troubleOf(error);
  if (trouble === null) throw failureOfError(failureOfFiles(error, cacheDir), endpoint);
  const nowMs = host.clock.monotonicMs();
  const everywhere = trouble.kind === "rate-limited" || nowMs - outage.lastByteMs > livelyMs;
  const ofLane = !everywhere && ofOneLane.includes(trouble.kind);
  // A small file is its lane's only work; the lane goes on with others, unless the server asks it to wait.
  const rests = ofLane && (!task.small || trouble.waitMs !== null);
  // Siblings that fail for the same reason at the same time say nothing new.
  const ofTask = everywhere ? 0 : Math.max(task.notBeforeMs, task.toldUntilMs);
  if (nowMs < Math.max(ofTask, outage.notBeforeMs)) {
    if (rests) rest(outage, nowMs + Math.min(tuning.giveUpMs, delayOf(trouble, 1, host.random)));
    return;
  }
  if (trouble.kind === "rate-limited" || trouble.kind === "refused") scene.shrink();

  task.attempts += 1;
  task.troubleSinceMs ??= nowMs;
  if (everywhere) outage.attempts += 1;
  const attempt = everywhere ? Math.max(outage.attempts, task.attempts) : task.attempts;
  const longMs = nowMs - task.troubleSinceMs;
  if (longMs >= tuning.giveUpMs || task.attempts > (mostAttempts[trouble.kind] ?? Infinity)) {
    throw failureOfError(error, endpoint);
  }
  // An address that is no longer good is asked for anew at once.
  const soon = trouble.kind === "expired" && task.attempts === 1;
  const wantedMs = soon ? 0 : delayOf(trouble, attempt, host.random);
  const delayMs = Math.min(wantedMs, tuning.giveUpMs - longMs);
  task.toldUntilMs = nowMs + delayMs;
  if (rests) rest(outage, task.toldUntilMs);
  if (!ofLane || task.small) task.notBeforeMs = task.toldUntilMs;
  if (everywhere) outage.notBeforeMs = task.notBeforeMs;
  if (!soon) {
    const reason = trouble.message;
    const others = [...scene.lanes].filter((lane) => lane.task === task).length - 1;
    const scope = everywhere ? "all" : ofLane && others > 0 ? "lane" : "file";
    scene.emit({ type: "download.retrying", ...named(task), reason, attempt, delayMs, scope });
  }
}

function rest(outage: Outage, untilMs: number): void {
  outage.restingUntilMs.push(untilMs);
}
