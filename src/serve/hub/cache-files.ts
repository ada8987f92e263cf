import type { FileHandle } from "node:fs/promises";
import type { Host } from "../../host/host.ts";
import { openUnlinked, openUnwaited } from "../../host/own-file.ts";
import type { ListedFile } from "../../run/repos/file-listing.ts";
import { blobPath, type RepoPlaces, snapshotPath } from "../../store/hub-cache/layout.ts";
import { findBlob } from "../../store/hub-cache/look-up.ts";
import { openPlaces } from "../../store/hub-cache/prepare.ts";

/** Contents of the Hub cache, opened so that no link leads to a file of somebody else's. */
export interface CacheFiles {
  /** Null where there is none, of this size. The caller closes it. */
  open(repo: string, commit: string, file: ListedFile): Promise<FileHandle | null>;
  has(repo: string, commit: string, file: ListedFile): Promise<boolean>;
  /** Null where its folders are not there, or are not to be trusted. */
  placesOf(repo: string): Promise<RepoPlaces | null>;
}

/** Folders are looked at again after so long. */
const knownMs = 1000;
/** Of repositories; more are forgotten. */
const mostKnown = 200;

/** @param cacheDir absolute; its own links are followed */
export function cacheFiles(
  host: Pick<Host, "files" | "routes" | "clock">,
  cacheDir: string,
): CacheFiles {
  const { files, clock } = host;
  const known = new Map<string, { readonly atMs: number; readonly places: Promise<Found> }>();

  async function look(repo: string): Promise<Found> {
    const [root, places] = await Promise.all([
      files.realpath(cacheDir).catch(() => null),
      openPlaces(files, cacheDir, repo).catch(() => null),
    ]);
    if (root === null || places === null) return null;
    return { places, within: [root, places.blobs, places.snapshots, places.staging] };
  }

  function find(repo: string): Promise<Found> {
    const before = known.get(repo);
    const nowMs = clock.monotonicMs();
    if (before !== undefined && nowMs - before.atMs < knownMs) return before.places;
    if (known.size >= mostKnown) known.clear();
    const places = look(repo);
    known.set(repo, { atMs: nowMs, places });
    // What is not there yet may be in a moment.
    void places.then((found) => found === null && known.delete(repo));
    return places;
  }

  /** Whatever stands under the name: only a file that really lies in the cache is taken. */
  async function checked(
    opening: Promise<FileHandle>,
    path: string,
    { within, sizeBytes }: { readonly within: readonly string[]; readonly sizeBytes: number },
  ): Promise<FileHandle | null> {
    const handle = await opening.catch(() => null);
    if (handle === null) return null;
    const isOwn = await isInside(handle, path, within).catch(() => false);
    const found = isOwn ? await handle.stat().catch(() => null) : null;
    if (found?.isFile() === true && found.size === sizeBytes) return handle;
    await handle.close();
    return null;
  }

  async function isInside(
    handle: FileHandle,
    path: string,
    within: readonly string[],
  ): Promise<boolean> {
    // A container opens these, which has nothing but the volume.
    if ((host.routes?.find(path) ?? null) !== null) return true;
    const real = await files.readlink(`/proc/self/fd/${handle.fd}`);
    return within.some((folder) => real.startsWith(`${folder}/`));
  }

  async function open(repo: string, commit: string, file: ListedFile): Promise<FileHandle | null> {
    const found = await find(repo);
    if (found === null) return null;
    const { places, within } = found;
    const wanted = { within, sizeBytes: file.sizeBytes };
    const usual = blobPath(places, file.blobName);
    const first = await checked(openUnlinked(files, usual), usual, wanted);
    if (first !== null) return first;
    // A device is not even opened: to ask what it is first is enough.
    const path = (await findBlob(files, places, file)) ?? (await copyOf(places, commit, file));
    return path === null ? null : checked(openUnwaited(files, path), path, wanted);
  }

  /** A snapshot may hold the file itself. */
  async function copyOf(
    places: RepoPlaces,
    commit: string,
    { path, sizeBytes }: ListedFile,
  ): Promise<string | null> {
    const place = snapshotPath(places, commit, path);
    const found = await files.lstat(place).catch(() => null);
    return found?.isFile() === true && found.size === sizeBytes ? place : null;
  }

  return {
    open,
    async has(repo, commit, file) {
      const found = await find(repo);
      if (found === null) return false;
      if ((await findBlob(files, found.places, file)) !== null) return true;
      return (await copyOf(found.places, commit, file)) !== null;
    },
    placesOf: async (repo) => (await find(repo))?.places ?? null,
  };
}

type Found = { readonly places: RepoPlaces; readonly within: readonly string[] } | null;
