import { dirname } from "node:path";
import type { Files } from "../host/host.ts";
import { exitCodes, Failure } from "../run/failure.ts";
import { fileFailure } from "../run/file-failures.ts";
import { formatBytes } from "../run/units.ts";

const minHeadroom = 64_000_000;
const maxHeadroom = 1_000_000_000;

/** What should stay free besides: 2%, at least 64 MB and at most 1 GB. A disk without any room is no use to Annie. */
export function headroom(missingBytes: number): number {
  return Math.min(maxHeadroom, Math.max(minHeadroom, Math.ceil(missingBytes * 0.02)));
}

/** What a download of so many bytes needs. */
export function neededFor(missingBytes: number): number {
  return missingBytes === 0 ? 0 : missingBytes + headroom(missingBytes);
}

/** Free bytes where the folder is, or will be. */
export async function freeSpace(files: Pick<Files, "statfs">, folder: string): Promise<number> {
  for (let place = folder; ; place = dirname(place)) {
    const found = await files.statfs(place).catch(() => null);
    if (found !== null) return found.bavail * found.bsize;
    if (place === dirname(place)) return 0;
  }
}

/**
 * Checks before the first byte that all models fit.
 * @throws Failure `disk.too_small`, exit status 7
 */
export function requireDiskSpace(survey: {
  readonly cacheDir: string;
  readonly neededBytes: number;
  readonly freeBytes: number;
}): void {
  const { cacheDir, neededBytes, freeBytes } = survey;
  if (neededBytes <= freeBytes) return;
  throw new Failure({
    code: "disk.too_small",
    message: `The models need ${formatBytes(neededBytes)} on the disk of ${cacheDir}, and ${formatBytes(freeBytes)} are free.`,
    hint: `Free ${formatBytes(neededBytes - freeBytes)}, choose fewer models (--tiers 1), or give another disk with --cache-dir.`,
    formHint: `Free ${formatBytes(neededBytes - freeBytes)}, choose fewer models, or choose a folder on another disk.`,
    exitCode: exitCodes.disk,
  });
}

/** Errors of the file system as failures that say what to do; others are passed through. */
export function failureOfFiles(error: unknown, cacheDir: string): unknown {
  return fileFailure(error, { folder: cacheDir, area: "cache" }) ?? error;
}
