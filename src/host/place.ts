import { constants } from "node:fs";
import path from "node:path";
import type { Host } from "./host.ts";
import { deviceNumberOf, fileSystemOf } from "./mount-table.ts";
import type { FileSystem } from "./mount-table.ts";

/** A folder where something is to go: itself, or the nearest one above it that is there already. */
export interface Place {
  readonly path: string;
  /** Links followed. */
  readonly existing: string;
  /** False where `existing` is above the folder. */
  readonly isThere: boolean;
  /** False where `existing` is no folder. */
  readonly isFolder: boolean;
  /** A link on the way that leads nowhere. */
  readonly dangling: { readonly link: string; readonly target: string } | null;
  /** Why this user can't write there: EACCES, EROFS; null where they can. */
  readonly refusal: Error | null;
  /** As the file system of the folder itself counts them; null where it does not say. */
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  readonly fileSystem: FileSystem | null;
}

type Doors = Pick<Host, "files" | "system">;

/** Looks at a place without changing anything. */
export async function lookAtPlace({ files, system }: Doors, folder: string): Promise<Place> {
  const { existing, isThere, dangling } = await nearest(files, folder);
  const [stats, refusal, space, rows] = await Promise.all([
    files.stat(existing).catch(() => null),
    files.access(existing, constants.W_OK | constants.X_OK).then(() => null, asError),
    files.statfs(existing).catch(() => null),
    system.fileSystems().catch(() => []),
  ]);
  const deviceNumber = stats === null ? null : deviceNumberOf(stats.dev);
  return {
    path: folder,
    existing,
    isThere,
    isFolder: stats === null || stats.isDirectory(),
    dangling,
    refusal,
    freeBytes: space === null ? null : space.bavail * space.bsize,
    totalBytes: space === null ? null : space.blocks * space.bsize,
    fileSystem: fileSystemOf(rows, existing, deviceNumber),
  };
}

async function nearest(
  files: Host["files"],
  folder: string,
): Promise<Pick<Place, "existing" | "isThere" | "dangling">> {
  let dangling: Place["dangling"] = null;
  for (let place = folder; ; place = path.dirname(place)) {
    const existing = await files.realpath(place).catch(() => null);
    if (existing !== null) return { existing, isThere: place === folder, dangling };
    const target = await files.readlink(place).catch(() => null);
    if (target !== null) {
      dangling = { link: place, target: path.resolve(path.dirname(place), target) };
    }
    if (place === path.dirname(place)) return { existing: place, isThere: false, dangling };
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
