import { join } from "node:path";
import type { Host } from "../../host/host.ts";
import { readBootId } from "../../host/process-table.ts";
import { failureOfFiles, freeSpace, inFolder, type Store, type WantedBlob } from "../store.ts";
import type { Hashing } from "../hashing.ts";
import {
  journalPath,
  lockPath,
  partialPath,
  partialPaths,
  placesOf,
  type RepoPlaces,
  snapshotPath,
  stagedPath,
  stagingName,
} from "./layout.ts";
import {
  commitOf,
  findBlob,
  findLockHolder,
  listSnapshot,
  lookAtBlob,
  lookAtFile,
} from "./look-up.ts";
import { findObstacle, openCache, requireLinks, neededSpace, tidyStaging } from "./prepare.ts";
import { publishModel } from "./publish.ts";

export interface HubCacheOptions {
  readonly host: Pick<Host, "files" | "fileLocks" | "system" | "clock" | "pid">;
  /** The root that holds `models--…` folders. */
  readonly cacheDir: string;
  /** A thread that several downloads share; its owner ends it. Left out, there is one for each. */
  readonly hashing?: Hashing | undefined;
}

/**
 * The Hub cache of this machine, as Python's `huggingface_hub` lays it out. Partials, journals and hashing are loaded where
 * something has to be fetched.
 */
export function openHubCache({ host, cacheDir, hashing: shared }: HubCacheOptions): Store {
  const { files, fileLocks } = host;
  /** Of the repositories that something is fetched of, with their links followed. */
  let opened: ReadonlyMap<string, RepoPlaces> = new Map();
  let fetching: ReturnType<typeof loadFetching> | null = null;
  const loaded = (): ReturnType<typeof loadFetching> => (fetching ??= loadFetching(host, shared));
  const open = ({ repo }: WantedBlob): RepoPlaces => {
    const places = opened.get(repo);
    if (places === undefined) throw new Error(`${repo} was not prepared`);
    return places;
  };

  return {
    folder: cacheDir,
    locate: (repo, commit) => snapshotPath(placesOf(cacheDir, repo), commit),
    commitOf: (repo, revision) => commitOf(files, placesOf(cacheDir, repo), revision),
    listSnapshot: (repo, commit) => listSnapshot(files, placesOf(cacheDir, repo), { repo, commit }),
    hasFile: (repo, commit, file) => lookAtFile(files, placesOf(cacheDir, repo), commit, file),
    lookUp: (repo, file) =>
      lookAtBlob(files, placesOf(cacheDir, repo), file, async () => (await loaded()).bootId),
    freeBytes: () => freeSpace(files, join(cacheDir, stagingName)),
    findObstacle: (survey, item) => findObstacle(files, survey, item),
    neededSpace: (survey) => neededSpace(files, survey),

    async prepare(blobs) {
      opened = await openCache(files, cacheDir, blobs);
    },
    requireNames: () => requireLinks(host, cacheDir),
    async migrate(blobs, signal) {
      const { migrateOldLayout, bootId } = await loaded();
      for (const [repo, places] of opened) {
        const own = blobs.filter((blob) => blob.repo === repo);
        await migrateOldLayout({ host, places, blobs: own, bootId, signal });
      }
    },
    async lock(blob) {
      const places = open(blob);
      await files.mkdir(places.locks, { recursive: true });
      await files.mkdir(places.staging, { recursive: true });
      return fileLocks.acquire(lockPath(places, blob.blobName));
    },
    unlock: (blob) => fileLocks.release(lockPath(open(blob), blob.blobName)),
    findLockHolder: (blob) => findLockHolder(files, lockPath(open(blob), blob.blobName)),
    has: async (blob) => (await findBlob(files, open(blob), blob)) !== null,
    async openPartial(blob, noteBytes) {
      const { openPartial, bootId } = await loaded();
      return openPartial(files, partialPaths(open(blob), blob.blobName), blob, {
        bootId,
        noteBytes,
      });
    },
    async followHash(blob, { path }) {
      const gitSha1 = blob.hash.algorithm === "git-sha1";
      return (await loaded()).hashing.start({ path, sizeBytes: blob.sizeBytes, gitSha1 });
    },
    async digestsOf({ hash }, content) {
      const { createDigests } = await loaded();
      const digests = createDigests(content.length, hash.algorithm === "git-sha1");
      digests.update(content);
      return digests.finish();
    },
    async keepPartial(blob, { path }) {
      const places = open(blob);
      await files.rename(path, stagedPath(places, blob.blobName));
      await files.rm(journalPath(places, blob.blobName), { force: true });
    },
    async keepContent(blob, content) {
      const places = open(blob);
      const path = partialPath(places, blob.blobName);
      await files.rm(path, { force: true });
      const handle = await inFolder(files, places.staging, () => files.open(path, "wx"));
      try {
        await handle.writeFile(content);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await files.rename(path, stagedPath(places, blob.blobName));
    },

    publish: (publication) => publishModel(host, publication),
    tidy: (blobs) => tidyStaging(files, { cacheDir, blobs }),
    async close() {
      fileLocks.close();
      if (fetching !== null && shared === undefined) await (await fetching).hashing.close();
    },
    failureOf: (error) => failureOfFiles(error, cacheDir),
  };
}

/** What is only needed where something is fetched. */
async function loadFetching({ files }: Pick<Host, "files">, shared: Hashing | undefined) {
  const [{ createDigests, createHashing }, { openPartial }, { migrateOldLayout }] =
    await Promise.all([
      import("../hashing.ts"),
      import("../partial.ts"),
      import("./migrate-old-layout.ts"),
    ]);
  const bootId = await readBootId(files);
  return {
    hashing: shared ?? createHashing(),
    createDigests,
    openPartial,
    migrateOldLayout,
    bootId,
  };
}
