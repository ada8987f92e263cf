import { dirname } from "node:path";
import type { Files } from "../host/host.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { formatBytes } from "../progress/units.ts";

const leastHeadroom = 64_000_000;
const mostHeadroom = 1_000_000_000;

/** What should stay free besides: 2%, at least 64 MB and at most 1 GB. A disk without any room is no use to Annie. */
export function headroom(missingBytes: number): number {
  return Math.min(mostHeadroom, Math.max(leastHeadroom, Math.ceil(missingBytes * 0.02)));
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
    exitCode: exitCodes.disk,
  });
}

/** The disk filled up while we wrote. What is there stays, and the next run goes on from it. */
export function diskFull(cacheDir: string, cause: unknown): Failure {
  return new Failure({
    code: "disk.full",
    message: `The disk of ${cacheDir} is full.`,
    hint: "Free some space and run heros again: it goes on where it was.",
    exitCode: exitCodes.disk,
    cause,
  });
}

export function notWritable(cacheDir: string, cause: unknown): Failure {
  const reason = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
  return new Failure({
    code: "cache.not_writable",
    message: `The cache folder ${cacheDir} can't be written to${reason}.`,
    hint: `Look at who owns it (ls -ld ${cacheDir}), or give another with --cache-dir or HF_HUB_CACHE.`,
    exitCode: exitCodes.failed,
    cause,
  });
}

/** Errors of the file system that a person can mend, as failures; others are passed through. */
export function failureOfFiles(error: unknown, cacheDir: string): unknown {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(cacheDir, error);
  if (error instanceof Error && "syscall" in error && error.syscall === "connect") return error;
  const denied = ["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "ELOOP", "EISDIR"];
  return typeof code === "string" && denied.includes(code) ? notWritable(cacheDir, error) : error;
}
