import { basename, dirname, join } from "node:path";
import { isDead } from "../../host/process-table.ts";
import type { Files, Host } from "../../host/host.ts";
import type { Emit } from "../../run/event.ts";
import type { FilePlace } from "../../run/file-failure.ts";
import type { Leftover, PrunedFile } from "../../run/events/cache.ts";
import { namesIn } from "../read-folder.ts";
import { failureOfFiles } from "../store.ts";
import {
  damagedSuffix,
  foldersOf,
  leftoverOf,
  lockPath,
  temporaryOwner,
  placesOf,
  publishLockPath,
  type RepoPlaces,
} from "./layout.ts";
import { copySuffix, findLockHolder, isUnlinked, takenBytes } from "../contents.ts";
import { errorCode } from "../../run/failure.ts";
import { tidyStaging } from "./prepare.ts";

/** A repository of the catalog, and what of it is wanted. */
export interface PruneRepo {
  readonly repo: string;
  /** Names of the blobs that the catalog's revisions need; null where that is not known, and then only what is surely useless goes. */
  readonly wanted: ReadonlySet<string> | null;
}

export interface PruneFinding extends PrunedFile {
  /** Whose lock it is behind; null where none is. */
  readonly lock: string | null;
}

export interface KeptFile {
  readonly file: string;
  readonly reason: string;
}

export interface PrunePlan {
  readonly files: readonly PruneFinding[];
  readonly kept: readonly KeptFile[];
}

export interface PruneRequest {
  readonly host: Pick<Host, "files" | "clock">;
  readonly cacheDir: string;
  readonly repos: readonly PruneRepo[];
  readonly signal: AbortSignal;
}

/** Finds what nothing needs in these repositories, and in no others. Writes nothing. @throws AbortError */
export async function planPrune(request: PruneRequest): Promise<PrunePlan> {
  const plans: PrunePlan[] = [];
  for (const repo of request.repos) {
    request.signal.throwIfAborted();
    plans.push(await planRepo(request, repo));
  }
  return {
    files: plans.flatMap(({ files }) => files),
    kept: plans.flatMap(({ kept }) => kept),
  };
}

async function planRepo(
  { host, cacheDir }: PruneRequest,
  { repo, wanted }: PruneRepo,
): Promise<PrunePlan> {
  const { files } = host;
  const places = placesOf(cacheDir, repo);
  const found: PruneFinding[] = [];
  const kept: KeptFile[] = [];
  const linked = await linkedBlobs(files, cacheDir, places);
  const holder = await findHolder(files, places);
  const nowMs = host.clock.now().getTime();

  const lookInto = async (folder: string, links: ReadonlySet<string> | null): Promise<void> => {
    const names: string[] = await namesIn(files, folder);
    if (names.length === 0) return;
    if (!(await isUnlinked(files, cacheDir, folder))) {
      kept.push({ file: folder, reason: "it is behind a link, where heros removes nothing" });
      return;
    }
    for (const name of names.toSorted()) {
      const file = join(folder, name);
      const there = await files.lstat(file).catch(() => null);
      if (there === null || there.isDirectory()) continue;
      const ageMs = nowMs - there.mtimeMs;
      const verdict = classifyBlobEntry(name, { wanted, linked: links, ageMs, names, holder });
      if (verdict === null) continue;
      if ("reason" in verdict) {
        kept.push({ file, reason: verdict.reason });
        continue;
      }
      const lock = lockPath(places, verdict.blobName);
      const user = await findLockHolder(files, lock);
      if (user !== null) {
        kept.push({ file, reason: `${user} is using it` });
        continue;
      }
      const bytes = takenBytes(there);
      found.push({ kind: verdict.kind, repo, file, bytes, lock });
    }
  };
  // Nothing links to what is staged.
  await lookInto(places.staging, new Set());
  await lookInto(foldersOf(places.assembly).blobs, new Set());
  await lookInto(places.blobs, linked);
  found.push(...(await planAssembly(files, repo, places)));
  if (await isUnlinked(files, cacheDir, places.root)) {
    found.push(...(await planPassing(files, repo, places)));
  }
  return { files: found, kept };
}

/** Who holds any lock of the repository. */
export async function findHolder(
  files: Pick<Files, "readdir" | "readFile" | "stat">,
  { locks }: RepoPlaces,
): Promise<string | null> {
  for (const name of await files.readdir(locks).catch(() => [])) {
    const holder = await findLockHolder(files, join(locks, name));
    if (holder !== null) return holder;
  }
  return null;
}

/** What a killed heros assembled, unless there are blobs in it: the next download takes those. */
async function planAssembly(
  files: PruneRequest["host"]["files"],
  repo: string,
  places: RepoPlaces,
): Promise<PruneFinding[]> {
  const file = places.assembly;
  const lock = publishLockPath(places);
  const there = await files.lstat(file).catch(() => null);
  const blobs = await files.readdir(foldersOf(file).blobs).catch(() => []);
  if (there === null || blobs.length > 0) return [];
  if ((await findLockHolder(files, lock)) !== null) return [];
  return [{ kind: "transient", repo, file, bytes: 0, lock }];
}

/** `.heros-<pid>-…` of a process that is no more. */
async function planPassing(
  files: PruneRequest["host"]["files"],
  repo: string,
  places: RepoPlaces,
): Promise<PruneFinding[]> {
  const found: PruneFinding[] = [];
  for (const name of await namesIn(files, places.root)) {
    const owner = temporaryOwner(name);
    if (owner === null) continue;
    if (!(await isDead(files, owner))) continue;
    found.push({ kind: "transient", repo, file: join(places.root, name), bytes: 0, lock: null });
  }
  return found;
}

export interface PruneWork {
  readonly host: Pick<Host, "files" | "fileLocks" | "clock">;
  readonly cacheDir: string;
  readonly files: readonly PruneFinding[];
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Whose folder it is. Default: the Hub cache's. */
  readonly area?: FilePlace["area"];
}

/**
 * Removes what was found, each file under its lock. What another process holds by now is left.
 * @returns what is gone, and what was left and why
 * @throws Failure `cache.not_writable` (1), AbortError
 */
export async function prune(work: PruneWork): Promise<{ files: PrunedFile[]; kept: KeptFile[] }> {
  const { host, cacheDir, emit, signal, area = "cache" } = work;
  const gone: PrunedFile[] = [];
  const kept: KeptFile[] = [];
  try {
    for (const { lock, ...found } of work.files) {
      signal.throwIfAborted();
      if (lock !== null) {
        await host.files.mkdir(dirname(lock), { recursive: true });
        const answer = await host.fileLocks.acquire(lock);
        if (answer !== "held") {
          const reason = answer === "busy" ? "another program is using it" : "it can't be locked";
          kept.push({ file: found.file, reason });
          continue;
        }
      }
      try {
        if (!(await isUnlinked(host.files, cacheDir, dirname(found.file)))) {
          kept.push({ file: found.file, reason: "its folder is now behind a link" });
          continue;
        }
        await host.files.rm(found.file, { recursive: true, force: true });
      } catch (error) {
        throw failureOfFiles(error, cacheDir, area);
      } finally {
        if (lock !== null) host.fileLocks.release(lock);
      }
      gone.push(found);
      emit({ type: "file.removed", ...found });
    }
  } finally {
    await tidyStaging(host.files, { cacheDir, blobs: work.files });
    host.fileLocks.close();
  }
  return { files: gone, kept };
}

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
    return errorCode(error) === "ENOENT" ? linked : null;
  }
}

const dayMs = 24 * 60 * 60 * 1000;
const blobPattern = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/u;
const incompletePattern = /^(?<blob>[0-9a-f]{40,64})(?:\.[0-9a-f]{8})?\.incomplete$/u;

export interface BlobFolderState {
  /** Null: not known. */
  readonly wanted: ReadonlySet<string> | null;
  /** Null: not known. */
  readonly linked: ReadonlySet<string> | null;
  /** Since the entry was written to. */
  readonly ageMs: number;
  /** All entries of the folder. */
  readonly names: readonly string[];
  /** Another process that holds a lock of this repository. */
  readonly holder: string | null;
}

type Verdict =
  | { readonly kind: Leftover; readonly blobName: string }
  | { readonly reason: string }
  | null;

const unknown = "it is not known which files the catalog needs of this repository";

/**
 * Whether an entry of a `blobs` folder is left over: what it is, why it is kept although it looks so, or null where it is
 * needed or not ours to judge.
 */
export function classifyBlobEntry(name: string, state: BlobFolderState): Verdict {
  const { wanted, linked, ageMs, names, holder } = state;
  if (name.endsWith(damagedSuffix)) {
    return { kind: "damaged", blobName: name.slice(0, -damagedSuffix.length) };
  }
  const own = leftoverOf(name);
  if (own !== null) {
    // A journal alone says nothing of anything, and a copy that was broken off begins from its beginning.
    if (name.endsWith(copySuffix) || !names.includes(`${own}.heros-partial`))
      return { kind: "partial", blobName: own };
    if (wanted === null) return { reason: unknown };
    return wanted.has(own) ? null : { kind: "partial", blobName: own };
  }
  const incomplete = incompletePattern.exec(name)?.groups?.["blob"];
  if (incomplete !== undefined) {
    return ageMs > dayMs
      ? { kind: "incomplete", blobName: incomplete }
      : { reason: "another program wrote to it less than a day ago" };
  }
  if (!blobPattern.test(name)) return null;
  if (linked === null || linked.has(name)) return null;
  if (wanted === null) return { reason: unknown };
  if (wanted.has(name)) return null;
  // A download under way links its blobs when all of them are there.
  return holder === null
    ? { kind: "blob", blobName: name }
    : { reason: `${holder} is using this repository` };
}
