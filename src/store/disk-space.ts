import { dirname } from "node:path";
import type { Files } from "../host/host.ts";
import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { fileFailure } from "../run/file-failure.ts";

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
export function requireDiskSpace(space: NeededSpace): void {
  const tooSmall = diskSpaceFailure(space);
  if (tooSmall !== null) throw tooSmall;
}

export interface NeededSpace {
  readonly cacheDir: string;
  readonly neededBytes: number;
  readonly freeBytes: number;
}

/** `disk.too_small`, exit status 7; null where all fits. */
export function diskSpaceFailure({
  cacheDir,
  neededBytes,
  freeBytes,
}: NeededSpace): Failure | null {
  if (neededBytes <= freeBytes) return null;
  return failure("disk.too_small", { what: "models", folder: cacheDir, neededBytes, freeBytes });
}

/** Errors of the file system as failures that say what to do; others are passed through. */
export function failureOfFiles(error: unknown, cacheDir: string): unknown {
  return fileFailure(error, { folder: cacheDir, area: "cache" }) ?? error;
}
