import { basename, join } from "node:path";
import type { Files } from "../host/host.ts";
import type { RepoPlaces } from "./cache-layout.ts";
import { isUnlinked } from "./open-places.ts";

/**
 * Names of the blobs that some snapshot links to, of any commit, whoever made it.
 * Null where that can't be told for sure: a folder that can't be read, or one behind a link. Then no blob may go.
 */
export async function linkedBlobs(
  files: Pick<Files, "readdir" | "readlink" | "realpath" | "stat">,
  cacheDir: string,
  places: RepoPlaces,
): Promise<ReadonlySet<string> | null> {
  const linked = new Set<string>();
  try {
    const there = await files.readdir(places.snapshots);
    if (there.length > 0 && !(await isUnlinked(files, cacheDir, places.snapshots))) return null;
    const entries = await files.readdir(places.snapshots, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isSymbolicLink()) continue;
      const place = join(entry.parentPath, entry.name);
      const found = await files.stat(place).catch(() => null);
      if (found?.isDirectory() === true) return null;
      // By name alone: the name is a hash, and a link may go through another path to the same folder.
      linked.add(basename(await files.readlink(place)));
    }
    return linked;
  } catch (error) {
    const absent = error instanceof Error && "code" in error && error.code === "ENOENT";
    return absent ? linked : null;
  }
}
