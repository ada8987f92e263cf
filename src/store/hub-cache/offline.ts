import { join } from "node:path";
import type { Files } from "../../host/host.ts";
import { offline } from "../../source/hub/failures.ts";
import type { Hub } from "../../source/hub/hub.ts";
import { commitPattern, type HubFile, type HubListing } from "../../source/hub/listing.ts";
import { Failure } from "../../run/failure.ts";
import { placesOf, snapshotPath } from "./layout.ts";
import { readRef } from "./refs.ts";

/**
 * A listing without the Hub: the one that was kept of this commit, else the snapshot as it is, which
 * is all that Python's client asks for offline too. @throws Failure `hub.offline` that names what is missing
 */
export async function listingOffline({
  files,
  hub,
  cacheDir,
  repo,
  revision,
  signal,
}: {
  files: Pick<Files, "open" | "readdir" | "readlink" | "stat">;
  hub: Hub;
  cacheDir: string;
  repo: string;
  revision: string;
  signal: AbortSignal;
}): Promise<HubListing> {
  const places = placesOf(cacheDir, repo);
  const pinned = commitPattern.test(revision);
  const ref = pinned ? revision : await readRef(files, places.refs, revision);
  const commit = ref.trim();
  if (!commitPattern.test(commit)) throw offline(`${repo} at ${revision}`);
  try {
    return { ...(await hub.list(repo, commit, signal)), revision };
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "hub.offline") throw error;
  }
  const folder = snapshotPath(places, commit);
  const entries = await files
    .readdir(folder, { recursive: true, withFileTypes: true })
    .catch(() => []);
  const found: HubFile[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const place = join(entry.parentPath, entry.name);
    const path = place.slice(folder.length + 1);
    const target = await files.readlink(place).catch(() => null);
    const { size } = await files.stat(place).catch(() => {
      throw offline(`${path} of ${repo}`);
    });
    const blobName = target?.split("/").at(-1) ?? "";
    const algorithm = blobName.length === 64 ? "sha256" : "git-sha1";
    found.push({ path, sizeBytes: size, blobName, hash: { algorithm, hex: blobName } });
  }
  if (found.length === 0) throw offline(`${repo} at ${revision}`);
  return { repo, revision, commit, files: found };
}

/** @throws Failure `hub.offline` that names files */
export function requireNothing(missing: readonly { repo: string; path: string }[]): void {
  if (missing.length === 0) return;
  const named = missing.slice(0, 3).map(({ repo, path }) => `${path} of ${repo}`);
  const more = missing.length > 3 ? [`${missing.length - 3} more files`] : [];
  throw offline([...named, ...more].join(", "));
}
