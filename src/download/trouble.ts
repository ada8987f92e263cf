import type { Host } from "../host/host.ts";
import { failureOfError } from "../hub/failures.ts";
import { backoffMs } from "../hub/retry.ts";
import { type PassingTrouble, troubleOf } from "../hub/trouble.ts";
import type { Emit } from "../progress/event.ts";
import type { BlobTask } from "./blob-task.ts";
import { failureOfFiles } from "./disk-space.ts";
import { LaneMoved } from "./lane.ts";
import { named } from "./open-task.ts";
import type { Tuning } from "./tuning.ts";

/** What the pool remembers of troubles that concern all lanes. */
export interface Outage {
  /** No new request before this moment. */
  notBeforeMs: number;
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

interface Scene {
  readonly host: Pick<Host, "clock" | "random">;
  readonly emit: Emit;
  readonly tuning: Tuning;
  readonly endpoint: string;
  readonly cacheDir: string;
  readonly outage: Outage;
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
  // Siblings that fail for the same reason at the same time say nothing new.
  if (nowMs < task.notBeforeMs || nowMs < outage.notBeforeMs) return;
  if (trouble.kind === "rate-limited" || trouble.kind === "refused") scene.shrink();

  const everywhere = trouble.kind === "rate-limited" || nowMs - outage.lastByteMs > livelyMs;
  task.attempts += 1;
  task.troubleSinceMs ??= nowMs;
  if (everywhere) outage.attempts += 1;
  const attempt = everywhere ? Math.max(outage.attempts, task.attempts) : task.attempts;
  const longMs = nowMs - task.troubleSinceMs;
  if (longMs > tuning.giveUpMs || task.attempts > (mostAttempts[trouble.kind] ?? Infinity)) {
    throw failureOfError(error, endpoint);
  }
  // An address that is no longer good is asked for anew at once.
  const soon = trouble.kind === "expired" && task.attempts === 1;
  const delayMs = trouble.waitMs ?? (soon ? 0 : backoffMs(attempt, host.random));
  // What the server asks us to wait is not held against it.
  if (trouble.waitMs !== null) task.troubleSinceMs += trouble.waitMs;
  task.notBeforeMs = nowMs + delayMs;
  if (everywhere) outage.notBeforeMs = task.notBeforeMs;
  if (!soon) {
    const reason = trouble.message;
    scene.emit({ type: "download.retrying", ...named(task), reason, attempt, delayMs });
  }
}
