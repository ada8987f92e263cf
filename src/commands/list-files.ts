import { isPlainName, matchesGlob } from "../run/glob.ts";
import { exitCodes, Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { commitPattern, type ListedFile, type Listing } from "../run/listing.ts";
import type { Source } from "../source/source.ts";
import type { Store } from "../store/store.ts";

/** What to do where the source can't be asked and the store has all that is wanted. */
export interface CacheFallback {
  /** The same source, of which only what is kept is asked. */
  readonly offline: Source;
  /** The same source, which is not asked again once it fails. */
  readonly impatient: Source;
  readonly onCached: (listing: Listing, failure: Failure) => void;
}

interface Asked {
  readonly source: Source;
  readonly store: Store;
  readonly repo: string;
  readonly revision: string;
  readonly signal: AbortSignal;
}

interface AskedFor extends Asked {
  readonly fallback: CacheFallback | undefined;
  /** The patterns of all who want files of it. */
  readonly wanted: readonly (readonly string[] | null)[];
}

/** The files of a repository, by the store's own word where the source can't be asked and nothing is missing. @throws as `Source.list` */
export async function listFiles(asked: AskedFor): Promise<Listing> {
  const { source, store, repo, revision, signal, fallback, wanted } = asked;
  if (source.offline) return listFromStore(asked);
  if (fallback === undefined) return source.list(repo, revision, signal);
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
  const cached = await listFromStore({ ...asked, source: offline }).catch(orNull);
  if (cached === null || !(await isWhole(store, cached, wanted))) {
    return source.list(repo, revision, signal);
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

/**
 * A listing that asks nobody: the one that was kept of this commit, else the snapshot as it is.
 * @param asked.source of which only what is kept is asked
 * @throws Failure `hub.offline` that names what is missing
 */
export async function listFromStore({
  source,
  store,
  repo,
  revision,
  signal,
}: Asked): Promise<Listing> {
  const missing = `${repo} at ${revision}`;
  const commit = await store.commitOf(repo, revision);
  if (commit === null) throw failure("hub.offline", { missing });
  try {
    return { ...(await source.list(repo, commit, signal)), revision };
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "hub.offline") throw error;
  }
  const files = await store.listSnapshot(repo, commit);
  if (files.length === 0) throw failure("hub.offline", { missing });
  return { repo, revision, commit, files };
}

async function isWhole(
  store: Store,
  listing: Listing,
  wanted: AskedFor["wanted"],
): Promise<boolean> {
  const chosen = wanted.map((patterns) => matching(listing, patterns));
  if (chosen.includes(null)) return false;
  for (const file of new Set(chosen.flatMap((files) => files ?? []))) {
    if (!(await store.hasFile(listing.repo, listing.commit, file))) return false;
  }
  return true;
}

/** @throws Failure where a name has no file, or all patterns together have none, or the repository has no file at all */
export function chooseFiles(
  listing: Listing,
  patterns: readonly string[] | null,
): readonly ListedFile[] {
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
  listing: Listing,
  patterns: readonly string[] | null,
): readonly ListedFile[] | null {
  if (patterns === null) return listing.files.length > 0 ? listing.files : null;
  if (absentName(listing, patterns) !== undefined) return null;
  const chosen = listing.files.filter(({ path }) =>
    patterns.some((pattern) => matchesGlob(path, pattern)),
  );
  return chosen.length > 0 ? chosen : null;
}

function absentName({ files }: Listing, patterns: readonly string[]): string | undefined {
  const names = new Set(files.map(({ path }) => path));
  return patterns.find((pattern) => isPlainName(pattern) && !names.has(pattern));
}
