import { join } from "node:path";
import type { Host } from "../../host/host.ts";
import { listingCache } from "../../source/hub/listing.ts";
import type { CachedModelsOptions, FilesByPath } from "./cached-models.ts";

/** Of files, over all lists that are held in memory. */
const mostFiles = 50_000;

/** The lists of files that runs of heros have kept. Each is read once: a client asks for one file after the other. */
export function keptListings(
  host: Pick<Host, "files" | "pid" | "random">,
  stateDir: string,
): CachedModelsOptions["keptListing"] {
  const kept = listingCache(host, join(stateDir, "listings"));
  const held = new Map<string, FilesByPath>();
  return async (repo, commit) => {
    const key = `${repo}@${commit}`;
    const known = held.get(key);
    if (known !== undefined) return known;
    const files = await kept.read(repo, commit);
    if (files === null) return null;
    const byPath = new Map(files.map((file) => [file.path, file]));
    let count = byPath.size;
    held.set(key, byPath);
    for (const [other, { size }] of [...held].toReversed()) {
      if (other === key) continue;
      count += size;
      if (count > mostFiles) held.delete(other);
    }
    return byPath;
  };
}
