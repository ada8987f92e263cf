import { join } from "node:path";
import type { Host } from "../../host/host.ts";
import { failureOfFiles, freeSpace, type Store, type WantedBlob } from "../store.ts";
import { type ContentPlace, openContents, stagingName } from "../contents.ts";
import type { Hashing } from "../hashing.ts";
import { type EarlierCaches, findEarlier, spaceForCopies, takeOver } from "./earlier-cache.ts";
import { partialPaths, placesOf, type RepoPlaces, snapshotPath } from "./layout.ts";
import { commitOf, findBlob, listSnapshot, lookAtBlob, lookAtFile } from "./look-up.ts";
import { findObstacle, openCache, requireLinks, neededSpace, tidyStaging } from "./prepare.ts";
import { publishModel } from "./publish.ts";
import { openToReaders } from "./read-access.ts";

export interface HubCacheOptions {
  readonly host: Pick<Host, "files" | "fileLocks" | "routes" | "system" | "clock" | "pid">;
  /** The root that holds `models--…` folders. */
  readonly cacheDir: string;
  /** A thread that several downloads share; its owner ends it. Left out, there is one for each. */
  readonly hashing?: Hashing | undefined;
  readonly earlier?: EarlierCaches | undefined;
  /** Containers mount it: every user may read the models of a survey, whatever the umask. */
  readonly mounted?: boolean;
}

/**
 * The Hub cache of this machine, as Python's `huggingface_hub` lays it out. Partials, journals and hashing are loaded where
 * something has to be fetched.
 */
export function openHubCache({
  host,
  cacheDir,
  hashing,
  earlier,
  mounted = false,
}: HubCacheOptions): Store {
  const { files } = host;
  /** Of the repositories that something is fetched of, with their links followed. */
  let opened: ReadonlyMap<string, RepoPlaces> = new Map();
  const open = ({ repo }: WantedBlob): RepoPlaces => {
    const places = opened.get(repo);
    if (places === undefined) throw new Error(`${repo} was not prepared`);
    return places;
  };
  const placeOf = (blob: WantedBlob): ContentPlace => partialPaths(open(blob), blob.blobName);
  const contents = openContents({ host, hashing, placeOf });

  return {
    ...contents,
    folder: cacheDir,
    locate: (repo, commit) => snapshotPath(placesOf(cacheDir, repo), commit),
    commitOf: (repo, revision) => commitOf(files, placesOf(cacheDir, repo), revision),
    listSnapshot: (repo, commit) => listSnapshot(files, placesOf(cacheDir, repo), { repo, commit }),
    hasFile: (repo, commit, file) => lookAtFile(files, placesOf(cacheDir, repo), commit, file),
    async lookUp(repo, file) {
      const own = await lookAtBlob(files, placesOf(cacheDir, repo), file, contents.bootId);
      if (own.cached || earlier === undefined || file.sizeBytes === 0) return own;
      const found = await findEarlier(files, earlier, { repo, ...file });
      return found === null ? own : { cached: false, held: [{ start: 0, end: file.sizeBytes }] };
    },
    freeBytes: () => freeSpace(files, join(cacheDir, stagingName)),
    findObstacle: (survey, item) => findObstacle(files, survey, item),
    async neededSpace(survey) {
      const needs = await neededSpace(files, survey);
      const [cache] = needs;
      if (earlier === undefined || cache === undefined) return needs;
      return [...needs, ...(await spaceForCopies(files, earlier, { survey, cache }))];
    },

    async prepare(blobs) {
      opened = await openCache(files, cacheDir, blobs);
    },
    requireNames: () => requireLinks(host, cacheDir),
    async migrate(blobs, signal) {
      const { migrateOldLayout } = await import("./migrate-old-layout.ts");
      const bootId = await contents.bootId();
      for (const [repo, places] of opened) {
        const own = blobs.filter((blob) => blob.repo === repo);
        await migrateOldLayout({ host, places, blobs: own, bootId, signal });
      }
    },
    async has(blob) {
      if ((await findBlob(files, open(blob), blob)) !== null) return true;
      const from = earlier === undefined ? null : await findEarlier(files, earlier, blob);
      if (from === null || earlier === undefined) return false;
      const { sizeBytes } = blob;
      await takeOver(files, { from, sizeBytes, place: placeOf(blob) }, earlier.signal);
      return true;
    },

    async publish(publication) {
      const { survey, item } = publication;
      // Before too: a model that can be seen can be read.
      if (mounted) await openToReaders(files, survey, item);
      await publishModel(host, publication);
      if (mounted) await openToReaders(files, survey, item);
    },
    tidy: (blobs) => tidyStaging(files, { cacheDir, blobs }),
    failureOf: (error) => failureOfFiles(error, cacheDir),
  };
}
