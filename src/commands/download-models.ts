import type { Host } from "../host/host.ts";
import { sideBySide } from "../run/concurrency.ts";
import { exitCodes, Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { isPlainName, matchesGlob } from "../run/glob.ts";
import {
  commitPattern,
  type ListedFile,
  type Listing,
  schemeOf,
} from "../run/repos/file-listing.ts";
import type { Source } from "../source/source.ts";
import {
  type Store,
  sumBytes,
  sumSurvey,
  type Survey,
  type SurveyedBlob,
  type SurveyedModel,
  type SurveyedSnapshot,
} from "../store/store.ts";
import { download, type DownloadRequest, type DownloadResult } from "../download/download.ts";
import { openProgressFile } from "../store/hub-cache/progress-file.ts";
import { tellMovedBranches } from "../source/hub/listing.ts";
import type { Fetching, Work } from "./command-request.ts";

/** What of a catalog's model the download needs. */
export interface ModelRequest {
  readonly id: string;
  readonly title: string;
  readonly priority: number;
  readonly purpose: string;
  readonly parts: readonly RequestedPart[];
}

export interface RequestedPart {
  readonly repo: string;
  readonly revision: string;
  /** Patterns; null means every file. */
  readonly files: readonly string[] | null;
  /** What the revision must be; left out where it is not pinned. */
  readonly digest?: string;
}

export interface SurveyRequest {
  readonly source: Source;
  readonly store: Store;
  readonly models: readonly ModelRequest[];
  readonly signal: AbortSignal;
  /** A model that can't be listed gets its `problem` instead of ending the survey. */
  readonly lenient?: boolean;
  /** Of groups that the stack needs to be online, which come before all else. Default: 1. */
  readonly requiredPriorities?: readonly number[];
  /** Left out, a source that can't be asked is an error whatever the store has. */
  readonly fallback?: CacheFallback;
}

/**
 * Lists the models' files and looks at what the store holds of them. Writes nothing there. The priority of
 * a model of a required group is 0.
 * @throws Failure of the source, `hub.file_not_found` for a file name that the repository does not have; AbortError
 */
export async function surveyModels(request: SurveyRequest): Promise<Survey> {
  const { store, signal } = request;
  const listings = new Map<string, Promise<Listing>>();
  const { requiredPriorities = [1] } = request;
  const priorityOf = ({ priority }: ModelRequest): number =>
    requiredPriorities.includes(priority) ? 0 : priority;
  const ordered = request.models.toSorted(
    (a, b) => priorityOf(a) - priorityOf(b) || a.priority - b.priority,
  );
  const listed = await sideBySide(ordered, 8, signal, (model, either) =>
    listModel({ ...request, signal: either }, model, listings),
  );

  const linkedFiles = await lookAtLinks(request, listed);

  const blobs = new Map<string, SurveyedBlob>();
  const models: SurveyedModel[] = [];
  for (const { model, parts, problem } of listed) {
    const priority = priorityOf(model);
    const own = new Map<string, SurveyedBlob>();
    const snapshots: SurveyedSnapshot[] = [];
    for (const { part, listing, files } of parts) {
      const { repo, commit } = listing;
      const looked = await sideBySide(files, 64, signal, async (file) => {
        const linked = linkedFiles.has(file);
        const key = `${scopeOf(repo)}\n${file.blobName}`;
        const known = blobs.get(key);
        const state =
          known ?? (linked ? { cached: true, held: [] } : await store.lookUp(repo, file));
        const neededBy = [...new Set([...(known?.neededBy ?? []), model.id])];
        const blob = { priority, repo, commit, ...file, ...known, ...state, neededBy };
        return { key, blob, link: { path: file.path, blobName: file.blobName, linked } };
      });
      for (const { key, blob } of looked) {
        blobs.set(key, blob);
        own.set(key, blob);
      }
      const path = store.locate(repo, commit);
      const links = looked.map(({ link }) => link);
      snapshots.push({ repo, revision: part.revision, commit, path, files: links });
    }
    const { id, title, priority: tier, purpose } = model;
    const label = { id, title, tier };
    const sums = sumBytes([...own.values()]);
    models.push({ id, title, purpose, label, priority, ...sums, snapshots, problem });
  }

  const all = { models, images: [], blobs: [...blobs.values()] };
  const freeBytes = await store.freeBytes();
  return { cacheDir: store.folder, ...all, ...sumSurvey(all), freeBytes };
}

/** Whose contents are kept in one place: of the Hub each repository's, of others all of them. */
function scopeOf(repo: string): string {
  const scheme = schemeOf(repo);
  return scheme === "hub" ? repo : scheme;
}

/** The files that their snapshot has already, of all models at once: most of the time is waiting for the disk. */
async function lookAtLinks(
  { store, signal }: SurveyRequest,
  listed: readonly { readonly parts: readonly ListedPart[] }[],
): Promise<ReadonlySet<ListedFile>> {
  const wanted = listed.flatMap(({ parts }) =>
    parts.flatMap(({ listing, files }) => files.map((file) => ({ listing, file }))),
  );
  const linked = new Set<ListedFile>();
  await sideBySide(wanted, 64, signal, async ({ listing: { repo, commit }, file }) => {
    if (await store.hasFile(repo, commit, file)) linked.add(file);
  });
  return linked;
}

interface ListedPart {
  readonly part: RequestedPart;
  readonly listing: Listing;
  readonly files: Listing["files"];
}

async function listModel(
  request: SurveyRequest,
  model: ModelRequest,
  listings: Map<string, Promise<Listing>>,
): Promise<{ model: ModelRequest; parts: ListedPart[]; problem: Failure | null }> {
  const { source, store, signal, fallback } = request;
  try {
    const parts = await Promise.all(
      model.parts.map(async (part) => {
        const { repo, revision } = part;
        const key = `${repo}\n${revision}`;
        const wanted = request.models
          .flatMap(({ parts: others }) => others)
          .filter((other) => other.repo === repo && other.revision === revision)
          .map((other) => other.files);
        const asked =
          listings.get(key) ??
          listFiles({ source, store, repo, revision, signal, fallback, wanted });
        listings.set(key, asked);
        const listing = await asked;
        if (part.digest !== undefined && listing.commit !== part.digest) {
          const { commit: found } = listing;
          throw failure("models.digest_differs", {
            model: model.title,
            wanted: part.digest,
            found,
          });
        }
        return { part, listing, files: chooseFiles(listing, part.files) };
      }),
    );
    return { model, parts, problem: null };
  } catch (error) {
    if (request.lenient === true && error instanceof Failure)
      return { model, parts: [], problem: error };
    throw error;
  }
}

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
async function listFiles(asked: AskedFor): Promise<Listing> {
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
function chooseFiles(listing: Listing, patterns: readonly string[] | null): readonly ListedFile[] {
  const chosen = matching(listing, patterns);
  if (chosen !== null) return chosen;
  const absent = absentName(listing, patterns ?? []);
  const missing = patterns === null ? "files" : `file ${absent ?? patterns.join(", ")}`;
  const { repo, revision } = listing;
  throw failure("hub.file_not_found", { repo, revision, missing, listed: true });
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

/** As `downloadModels`, in a run: it tells of it, and can stop and pause it; at the rate and with the connections that were asked for. */
export function fetchModels(
  { host, emit, signal, pause }: Pick<Work, "host" | "emit" | "signal" | "pause">,
  { limitBytesPerSecond, maxConnections }: Pick<Fetching, "limitBytesPerSecond" | "maxConnections">,
  wanted: Omit<Parameters<typeof downloadModels>[0], "host" | "emit" | "signal">,
): Promise<DownloadResult> {
  const onPaused = () => host.network.closeIdle();
  const run = { host, emit, signal, pause, onPaused, limitBytesPerSecond, maxConnections };
  return downloadModels({ ...run, ...wanted });
}

/** Downloads models of the Hub into its cache, where the stack can read how far they are. @throws as `download`, and Failure `hub.branch_moved` */
export async function downloadModels(
  request: DownloadRequest & { readonly host: Host },
): Promise<DownloadResult> {
  const { host, survey, emit } = request;
  const { models, cacheDir } = survey;
  const snapshots = models.flatMap((model) => model.snapshots);
  const progressFile = openProgressFile(host, { cacheDir, models });
  try {
    return await download({
      ...request,
      source: tellMovedBranches(request.source, snapshots),
      emit(event) {
        emit(event);
        if (event.type === "download.progress") progressFile.note(event);
      },
    });
  } finally {
    await progressFile.close();
  }
}
