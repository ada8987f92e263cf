import type { HealthCheck } from "../docker/inspect-containers.ts";
import type { OwnContainer } from "../docker/watch-containers.ts";
import type { HealthContract } from "../catalog/stack.ts";
import { type Health, readAnswer } from "./contracts.ts";
import { isGood } from "./health.ts";

/** Two answers further apart say nothing of the time between. */
const widestGapMs = 15_000;

/**
 * Since when Docker's own checks have heard only good answers, in milliseconds since 1970. They count where they printed
 * the whole report, as those of heros' own base do, and reach up to now.
 * @param checks of its container, since it started, oldest first
 * @returns null where they say nothing
 */
export function goodChecksSince(
  checks: readonly HealthCheck[],
  {
    contract,
    required,
    nowMs,
  }: {
    readonly contract: HealthContract;
    /** Capabilities without which the stack is not online. */
    readonly required: readonly string[];
    readonly nowMs: number;
  },
): number | null {
  let sinceMs: number | null = null;
  for (const { startedAtMs, endedAtMs, passed, output } of checks.toReversed()) {
    const health = passed ? reportIn(contract, output) : null;
    const gapMs = (sinceMs ?? nowMs) - endedAtMs;
    if (health === null || gapMs < 0 || gapMs > widestGapMs) break;
    if (!isGood(health, required)) break;
    sinceMs = startedAtMs;
  }
  return sinceMs;
}

/** Only a report that says who it is from can be known by what a check printed. */
function reportIn(contract: HealthContract, output: string): Health | null {
  if (contract.kind !== "annie") return null;
  return readAnswer(contract, { status: 200, text: output }, []);
}

/** Whoever shares the machine's network has no port of its own; what answers may be a page of its while it starts. */
const startMs = 60_000;

/**
 * Whether what answers at the stack's address is not in its container: Docker finds it healthy from inside meanwhile, or
 * nothing of that port leads to its container.
 */
export function isNotOurs(
  { state, details }: OwnContainer,
  {
    contract,
    port,
    nowMs,
  }: { readonly contract: HealthContract; readonly port: number; readonly nowMs: number },
): boolean {
  if (details === null) return false;
  if (state === "healthy")
    return details.checks.some(({ output, passed }) =>
      contract.kind === "annie" ? reportIn(contract, output) !== null : passed,
    );
  const { startedAtMs, ports } = details;
  return !ports.includes(port) && startedAtMs !== null && nowMs - startedAtMs > startMs;
}

/** Words of a stack's that something is still to come. */
const startingWords = new Set(["starting", "loading", "initializing", "pending"]);
/** Words of a stack's after which nothing better comes by itself. */
const failedWords = new Set(["unhealthy", "error", "failed"]);
const failedMs = 5000;
/** Loading models takes a minute, and some call that "degraded". */
const loadingMs = 120_000;

export interface UnwellSince {
  /** Since when it has said that something is wrong with it; null where it says nothing of the kind. */
  readonly unwellSinceMs: number | null;
  /** Since when its first models have been there; null while they are not. */
  readonly modelsSinceMs: number | null;
  readonly nowMs: number;
}

/** Whether a stack's own word for how it is, other than `starting`, is to be believed, and not only of a moment. */
export function looksUnwell(
  status: string,
  { unwellSinceMs, modelsSinceMs, nowMs }: UnwellSince,
): boolean {
  if (unwellSinceMs === null || modelsSinceMs === null || isStarting(status)) return false;
  const sinceMs = Math.max(unwellSinceMs, modelsSinceMs);
  return nowMs - sinceMs >= (failedWords.has(status) ? failedMs : loadingMs);
}

function isStarting(status: string): boolean {
  return startingWords.has(status) || status.startsWith("waiting for ");
}
