import type { PlanReady } from "../progress/events/plan.ts";
import { formatBytes, formatDuration } from "../progress/units.ts";

export interface Online {
  readonly url: string;
  /** Since the run began. */
  readonly onlineAfterMs: number;
  /** What came over the network in this run. */
  readonly fetchedBytes: number;
}

/** The closing page of a setup that worked. */
export function closingWords({
  url,
  onlineAfterMs,
  fetchedBytes,
  plan,
}: Online & { readonly plan: PlanReady }): string[] {
  return [
    `Annie is online at ${url}, ${afterWords(onlineAfterMs)}.`,
    fetchedBytes === 0
      ? `All of her models were there already (${formatBytes(plan.totalBytes)}).`
      : `All of her models are there: ${formatBytes(plan.totalBytes)}, every byte checked.`,
    `Her folder is ${plan.stackDir}; docker compose up -d and docker compose down work there.`,
    "Run heros setup again to add models; heros doctor checks the machine.",
  ];
}

/** The closing page of a dry run. */
export function dryRunWords(plan: PlanReady): string[] {
  const changed = plan.files.filter((file) => file.action !== "unchanged").length;
  return [
    "This was a dry run: nothing was written, nothing was fetched.",
    `heros setup would write ${changed} ${changed === 1 ? "file" : "files"} in ${plan.stackDir} and fetch ${formatBytes(plan.totalBytes - plan.cachedBytes)} into ${plan.cacheDir}.`,
  ];
}

function afterWords(elapsedMs: number): string {
  return elapsedMs < 1000 ? "in less than a second" : `after ${formatDuration(elapsedMs / 1000)}`;
}
