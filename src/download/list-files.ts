import type { Host } from "../host/host.ts";
import { exitCodes, Failure } from "../run/failure.ts";
import type { Hub } from "../source/hub/hub.ts";
import { commitPattern, type HubFile, type HubListing } from "../source/hub/listing.ts";
import { placesOf } from "../store/hub-cache/layout.ts";
import { lookAtFile } from "../store/hub-cache/look-up.ts";
import { listingOffline } from "../store/hub-cache/offline.ts";
import { isPlainName, matchesGlob } from "../run/glob.ts";

/** What to do where the Hub can't be asked and the cache has all that is wanted. */
export interface CacheFallback {
  /** The same Hub, of which only what is kept is asked. */
  readonly offline: Hub;
  /** The same Hub, which is not asked again once it fails. */
  readonly impatient: Hub;
  readonly onCached: (listing: HubListing, failure: Failure) => void;
}

export interface Listing {
  readonly host: Pick<Host, "files">;
  readonly hub: Hub;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly fallback?: CacheFallback | undefined;
}

interface Asked {
  readonly repo: string;
  readonly revision: string;
  /** The patterns of all who want files of it. */
  readonly wanted: readonly (readonly string[] | null)[];
}

/** The files of a repository, by the cache's own word where the Hub can't be asked and nothing is missing. @throws as `Hub.list` */
export async function listFiles(
  { host, hub, cacheDir, signal, fallback }: Listing,
  asked: Asked,
): Promise<HubListing> {
  const { repo, revision } = asked;
  const where = { files: host.files, cacheDir, repo, revision, signal };
  if (hub.offline) return listingOffline({ ...where, hub });
  if (fallback === undefined) return hub.list(repo, revision, signal);
  const { offline, impatient, onCached } = fallback;
  const orNull = (error: unknown): null => {
    if (error instanceof Failure) return null;
    throw error;
  };
  // Of a commit, what is kept is all that there is to know.
  const kept = commitPattern.test(revision)
    ? await offline.list(repo, revision, signal).catch(orNull)
    : null;
  if (kept !== null) return kept;
  const cached = await listingOffline({ ...where, hub: offline }).catch(orNull);
  if (cached === null || !(await isWhole(host, cacheDir, cached, asked))) {
    return hub.list(repo, revision, signal);
  }
  try {
    return await impatient.list(repo, revision, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Failure) || error.exitCode !== exitCodes.network) throw error;
    onCached(cached, error);
    return cached;
  }
}

async function isWhole(
  host: Pick<Host, "files">,
  cacheDir: string,
  listing: HubListing,
  { wanted }: Asked,
): Promise<boolean> {
  const places = placesOf(cacheDir, listing.repo);
  const chosen = wanted.map((patterns) => matching(listing, patterns));
  if (chosen.includes(null)) return false;
  for (const file of new Set(chosen.flatMap((files) => files ?? []))) {
    if (!(await lookAtFile(host.files, places, listing.commit, file))) return false;
  }
  return true;
}

/** @throws Failure where a name has no file, or all patterns together have none, or the repository has no file at all */
export function chooseFiles(
  listing: HubListing,
  patterns: readonly string[] | null,
): readonly HubFile[] {
  const chosen = matching(listing, patterns);
  if (chosen !== null) return chosen;
  const absent = absentName(listing, patterns ?? []);
  const what = patterns === null ? "files" : `file ${absent ?? patterns.join(", ")}`;
  throw new Failure({
    code: "hub.file_not_found",
    message: `${listing.repo} has no ${what} at revision ${listing.revision}.`,
    hint: "Check the repository, its revision and the names under `files` in the catalog.",
    exitCode: exitCodes.usage,
  });
}

function matching(
  listing: HubListing,
  patterns: readonly string[] | null,
): readonly HubFile[] | null {
  if (patterns === null) return listing.files.length > 0 ? listing.files : null;
  if (absentName(listing, patterns) !== undefined) return null;
  const chosen = listing.files.filter(({ path }) =>
    patterns.some((pattern) => matchesGlob(path, pattern)),
  );
  return chosen.length > 0 ? chosen : null;
}

function absentName({ files }: HubListing, patterns: readonly string[]): string | undefined {
  const names = new Set(files.map(({ path }) => path));
  return patterns.find((pattern) => isPlainName(pattern) && !names.has(pattern));
}
