import type { HealthCheck } from "../docker/inspect-containers.ts";
import type { OwnContainer } from "../docker/watch-containers.ts";
import { parseHealthReport } from "../run/health-report.ts";
import { isGood } from "./health.ts";

/** Two answers further apart say nothing of the time between. */
const widestGapMs = 15_000;

/**
 * Since when Docker's own checks have heard only good answers of hers, in milliseconds since 1970. They count where they
 * printed her report, as those of heros' base do, and reach up to now.
 * @param checks of her container, since it started, oldest first
 * @param tier1 capabilities without which she is not online
 * @returns null where they say nothing
 */
export function goodChecksSince(
  checks: readonly HealthCheck[],
  { tier1, nowMs }: { readonly tier1: readonly string[]; readonly nowMs: number },
): number | null {
  let sinceMs: number | null = null;
  for (const { startedAtMs, endedAtMs, passed, output } of checks.toReversed()) {
    const report = passed ? parseHealthReport(output) : null;
    const gapMs = (sinceMs ?? nowMs) - endedAtMs;
    if (report === null || gapMs < 0 || gapMs > widestGapMs) break;
    const { status, capabilities } = report;
    if (!isGood({ status, capabilities, models: {} }, tier1)) break;
    sinceMs = startedAtMs;
  }
  return sinceMs;
}

/** Whoever shares the machine's network has no port of its own; what answers may be a page of hers while she starts. */
const startMs = 60_000;

/**
 * Whether what answers at her address is not in her container: Docker finds her healthy from inside meanwhile, or nothing of
 * that port leads to her container.
 */
export function isNotHers(
  { state, details }: OwnContainer,
  { port, nowMs }: { readonly port: number; readonly nowMs: number },
): boolean {
  if (details === null) return false;
  if (state === "healthy") return details.checks.some(({ output }) => parseHealthReport(output));
  const { startedAtMs, ports } = details;
  return !ports.includes(port) && startedAtMs !== null && nowMs - startedAtMs > startMs;
}

/** Words of hers that something is still to come. */
const startingWords = new Set(["starting", "loading", "initializing", "pending"]);
/** Words of hers after which nothing better comes by itself. */
const failedWords = new Set(["unhealthy", "error", "failed"]);
const failedMs = 5000;
/** Loading her models takes a minute, and some call that "degraded". */
const loadingMs = 120_000;

export interface UnwellSince {
  /** Since when she has said that something is wrong with her; null where she says nothing of the kind. */
  readonly unwellSinceMs: number | null;
  /** Since when her first models have been there; null while they are not. */
  readonly modelsSinceMs: number | null;
  readonly nowMs: number;
}

/** Whether her own word for how she is, other than `starting`, is to be believed, and not only of a moment. */
export function looksUnwell(
  status: string,
  { unwellSinceMs, modelsSinceMs, nowMs }: UnwellSince,
): boolean {
  if (unwellSinceMs === null || modelsSinceMs === null || startingWords.has(status)) return false;
  const sinceMs = Math.max(unwellSinceMs, modelsSinceMs);
  return nowMs - sinceMs >= (failedWords.has(status) ? failedMs : loadingMs);
}
