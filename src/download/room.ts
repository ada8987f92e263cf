import { dirname } from "node:path";
import type { Files } from "../host/host.ts";
import { blobPath, placesOf } from "../store/hub-cache/layout.ts";
import { findBlob } from "../store/hub-cache/look-up.ts";
import { freeSpace, neededFor, requireDiskSpace } from "../store/disk-space.ts";
import type { Survey } from "./survey.ts";

type Doors = Pick<Files, "stat" | "statfs">;

/**
 * Checks before the first byte that what is to be copied fits: into a `blobs` folder that is on another disk than what is
 * coming. @throws Failure `disk.too_small`, exit status 7
 */
export async function requireRoomElsewhere(files: Doors, survey: Survey): Promise<void> {
  const { cacheDir } = survey;
  const unlinked = survey.models.flatMap(({ snapshots }) =>
    snapshots.filter((snapshot) => snapshot.files.some(({ linked }) => !linked)),
  );
  const disks = new Map<number, { readonly folder: string; bytes: number }>();
  for (const repo of new Set(unlinked.map((snapshot) => snapshot.repo))) {
    const places = placesOf(cacheDir, repo);
    const disk = await diskOf(files, places.blobs);
    if (disk === null || disk === (await diskOf(files, places.staging))) continue;
    const entry = disks.get(disk) ?? { folder: places.blobs, bytes: 0 };
    for (const blob of survey.blobs.filter((each) => each.repo === repo)) {
      const found = await findBlob(files, places, blob);
      if (found !== blobPath(places, blob.blobName)) entry.bytes += blob.sizeBytes;
    }
    disks.set(disk, entry);
  }
  for (const { folder, bytes } of disks.values()) {
    const neededBytes = neededFor(bytes);
    const freeBytes = await freeSpace(files, folder);
    requireDiskSpace({ cacheDir: folder, neededBytes, freeBytes });
  }
}

/** Where the folder is, or will be. */
async function diskOf(files: Doors, folder: string): Promise<number | null> {
  for (let place = folder; ; place = dirname(place)) {
    const found = await files.stat(place).catch(() => null);
    if (found !== null) return found.dev;
    if (place === dirname(place)) return null;
  }
}
