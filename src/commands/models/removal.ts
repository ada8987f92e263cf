import type { PrunedFile, PrunePlanned } from "../../run/events/cache.ts";
import { formatBytes } from "../../run/units.ts";
import type { PrunePlan } from "../../store/hub-cache/prune.ts";

/** What is to be removed, as an event tells it. */
export function plannedRemoval(
  { files, kept }: PrunePlan,
  { cacheDir, remove }: { readonly cacheDir: string; readonly remove: boolean },
): PrunePlanned {
  return {
    type: "prune.planned",
    cacheDir,
    dryRun: !remove,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    files: files.map(({ kind, repo, file, bytes }) => ({ kind, repo, file, bytes })),
    kept,
  };
}

/** What is gone, and what was left and why. */
export function removedWords({
  files,
  kept,
}: {
  readonly files: readonly PrunedFile[];
  readonly kept: PrunePlan["kept"];
}): string[] {
  const gained = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const left = kept.map(({ file, reason }) => `Kept: ${file} (${reason})`);
  const noun = files.length === 1 ? "file" : "files";
  return [`${files.length} ${noun} removed, ${formatBytes(gained)} freed.`, ...left];
}
