import { join } from "node:path";
import type { Host } from "../../host/host.ts";
import { failureOfFiles, freeSpace, type Store, type WantedBlob } from "../store.ts";
import { type ContentPlace, openContents, stagingName } from "../contents.ts";
import type { Hashing } from "../hashing.ts";
import { partialPaths, placesOf, type RepoPlaces, snapshotPath } from "./layout.ts";
import { commitOf, findBlob, listSnapshot, lookAtBlob, lookAtFile } from "./look-up.ts";
import { findObstacle, openCache, requireLinks, neededSpace, tidyStaging } from "./prepare.ts";
import { publishModel } from "./publish.ts";

export interface HubCacheOptions {
  readonly host: Pick<Host, "files" | "fileLocks" | "routes" | "system" | "clock" | "pid">;
  /** The root that holds `models--…` folders. */
  readonly cacheDir: string;
  /** A thread that several downloads share; its owner ends it. Left out, there is one for each. */
  readonly hashing?: Hashing | undefined;
}

/**
 * The Hub cache of this machine, as Python's `huggingface_hub` lays it out. Partials, journals and hashing are loaded where
 * something has to be fetched.
 */
export function openHubCache({ host, cacheDir, hashing }: HubCacheOptions): Store {
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
    lookUp: (repo, file) => lookAtBlob(files, placesOf(cacheDir, repo), file, contents.bootId),
    freeBytes: () => freeSpace(files, join(cacheDir, stagingName)),
    findObstacle: (survey, item) => findObstacle(files, survey, item),
    neededSpace: (survey) => neededSpace(files, survey),

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
    has: async (blob) => (await findBlob(files, open(blob), blob)) !== null,

    publish: (publication) => publishModel(host, publication),
    tidy: (blobs) => tidyStaging(files, { cacheDir, blobs }),
    failureOf: (error) => failureOfFiles(error, cacheDir),
  };
}
