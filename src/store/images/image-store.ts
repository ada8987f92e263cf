import { join } from "node:path";
import type { Host } from "../../host/host.ts";
import { countBytes } from "../../run/byte-ranges.ts";
import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { imageFilesOf } from "../../run/repos/file-listing.ts";
import {
  type ContentPlace,
  makeCacheFolder,
  nearestThere,
  obstacleAmong,
  openContents,
} from "../contents.ts";
import type { Hashing } from "../hashing.ts";
import {
  failureOfFiles,
  freeSpace,
  type ImageContent,
  type NeededSpace,
  type OciBlob,
  type Publication,
  type Store,
  type Survey,
  type SurveyedItem,
  type WantedBlob,
} from "../store.ts";
import {
  placeIn,
  publishImage,
  readImage,
  removeDamaged,
  removeImage,
  type StoredImage,
  wantImages,
} from "./keep-image.ts";
import {
  blobNamesOf,
  hasBlob,
  hexOf,
  type ImagePlaces,
  imagePlacesOf,
  openImagePlaces,
  readRecord,
  readRecords,
  tidyImages,
} from "./manifests.ts";

/** How many times its compressed size an image takes once it is unpacked: an estimate, which nothing tells before. */
export const unpackedRatio = 2.5;

/** Docker's own disk, which an image is unpacked to. */
export interface EngineDisk {
  readonly rootDir: string;
  /** containerd keeps the compressed layers too. */
  readonly keepsLayers: boolean;
}

export interface ImageStoreOptions {
  readonly host: Pick<Host, "files" | "fileLocks" | "routes" | "clock">;
  /** The root of the Hub cache: images are below its `.heros`. */
  readonly cacheDir: string;
  readonly hashing?: Hashing | undefined;
  /** Null, or left out, where Docker's disk can't be seen from here. */
  readonly engine?: EngineDisk | null;
  /** Whether Docker has an image by now. Asked where another heros may have given it to Docker, and removed what it had of it. */
  readonly isInEngine?: (image: ImageContent) => Promise<boolean>;
}

/** Images until Docker has them, and those that are kept. */
export interface ImageStore extends Store {
  /** Where a verified layer is, or will be. */
  pathOf(digest: string): string;
  /** On Docker's disk, for layers that it has yet to unpack; null where that can't be seen. @param sizes of each of them, compressed */
  unpackingSpace(sizes: readonly number[]): Promise<NeededSpace | null>;
  /** On the disk that images come to, for so many bytes. */
  spaceFor(bytes: number): Promise<NeededSpace>;
  /** What is here of an image; null where it was never wanted. */
  readImage(name: string): Promise<StoredImage | null>;
  /** Removes an image, without what another one needs, and without what another heros is working on. @throws Failure `cache.not_writable`; Node's errors, AbortError */
  removeImage(image: ImageContent, signal: AbortSignal): Promise<void>;
  /** Hashes what is here of an image and removes what is damaged. @returns that. @throws Node's errors, AbortError */
  removeDamaged(name: string, signal: AbortSignal): Promise<readonly OciBlob[]>;
}

/** The images of this machine that are on their way to Docker. */
export function openImageStore(options: ImageStoreOptions): ImageStore {
  const { host, cacheDir, hashing, isInEngine } = options;
  const { files } = host;
  const seen = imagePlacesOf(cacheDir);
  /** With links followed, once something is to be written. */
  let opened: ImagePlaces | null = null;
  /** Of this run. */
  let wanted: readonly ImageContent[] = [];
  /** Blobs that another process held. */
  const waitedFor = new Set<string>();
  const placeOf = ({ blobName }: WantedBlob): ContentPlace => {
    if (opened === null) throw new Error("images were not prepared");
    return placeIn(opened, blobName);
  };
  const contents = openContents({ host, hashing, placeOf });
  const hasFile = (blob: Pick<WantedBlob, "path" | "sizeBytes">): Promise<boolean> =>
    hasBlob(files, seen, { digest: blob.path, sizeBytes: blob.sizeBytes });

  return {
    ...contents,
    folder: cacheDir,
    locate: () => seen.root,
    commitOf: (_repo, revision) =>
      Promise.resolve(revision.startsWith("sha256:") ? revision : null),
    async listSnapshot(repo, commit) {
      const records = await readRecords(files, seen);
      const image = records.find((each) => each.repo === repo && each.manifestDigest === commit);
      return image === undefined ? [] : imageFilesOf(image);
    },
    hasFile: (_repo, _commit, file) => hasFile(file),
    async lookUp(_repo, file) {
      const cached = await hasFile(file);
      if (cached || file.sizeBytes === 0) return { cached, held: [] };
      const { readPartial } = await import("../partial.ts");
      const [place, boot] = [placeIn(seen, file.blobName), await contents.bootId()];
      return { cached, held: await readPartial(files, place, file, boot).catch(() => []) };
    },
    freeBytes: () => freeSpace(files, seen.partials),
    findObstacle: (survey, item) => findObstacle(options, survey, item),
    neededSpace: (survey) => neededSpace(options, survey),
    unpackingSpace: (sizes) => unpackingSpace(options, sizes),
    spaceFor: (bytes) => needIn(files, seen.blobs, bytes),

    async prepare(blobs, survey) {
      wanted = survey.images.flatMap(({ content, snapshots }) =>
        content !== null && snapshots.some((each) => each.files.length > 0) ? [content] : [],
      );
      opened = await prepareFolders(options, { blobs, wanted });
    },
    requireNames: () => Promise.resolve(),
    migrate: () => Promise.resolve(),
    async lock(blob) {
      const answer = await contents.lock(blob);
      if (answer === "busy") waitedFor.add(blob.blobName);
      return answer;
    },
    async has(blob) {
      if (await hasFile(blob)) return true;
      if (isInEngine === undefined || !waitedFor.has(blob.blobName)) return false;
      const users = wanted.filter((image) => blobNamesOf(image).has(blob.blobName));
      const answers = await Promise.all(users.map((image) => isInEngine(image)));
      return users.length > 0 && answers.every(Boolean);
    },

    publish: (publication) => publish(options, publication),
    async tidy() {
      if (opened !== null) await tidyImages(files, cacheDir, opened);
    },
    failureOf: (error) => failureOfFiles(error, cacheDir),
    pathOf: (digest) => join(seen.blobs, hexOf(digest)),
    readImage: (name) => readImage(options, name),
    removeImage: (image, signal) => told(cacheDir, removeImage(options, image, signal)),
    removeDamaged: (name, signal) => told(cacheDir, removeDamaged(options, name, signal)),
  };
}

async function told<Result>(cacheDir: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw failureOfFiles(error, cacheDir);
  }
}

/**
 * Makes the folders, and writes down what is wanted. Nothing where nothing is missing and all stands there: the cache may be
 * read-only then.
 * @returns the places with links followed; null where there is nothing to do
 */
async function prepareFolders(
  at: ImageStoreOptions,
  {
    blobs,
    wanted,
  }: { readonly blobs: readonly WantedBlob[]; readonly wanted: readonly ImageContent[] },
): Promise<ImagePlaces | null> {
  const { host, cacheDir } = at;
  const { files } = host;
  if (wanted.length === 0) return null;
  const seen = imagePlacesOf(cacheDir);
  const known = await Promise.all(wanted.map(({ name }) => readRecord(files, seen, name)));
  const isKnown = known.every(
    (image, index) => image?.manifestDigest === wanted[index]?.manifestDigest,
  );
  if (blobs.length === 0 && isKnown) return null;
  await makeCacheFolder(files, cacheDir);
  const folders = await openImagePlaces(files, cacheDir);
  for (const each of [folders.blobs, folders.partials, folders.locks, folders.manifests]) {
    await files.mkdir(each, { recursive: true });
  }
  // Judged again now that the folders are there, and a link could be in the place of one.
  const places = await openImagePlaces(files, cacheDir);
  await wantImages(at, places, wanted);
  return places;
}

/** @throws Failure `cache.changed` where a layer is gone that was there before, and Docker does not have the image; Node's errors, AbortError */
async function publish(
  at: ImageStoreOptions,
  { survey, item, lockRetryMs, signal }: Publication,
): Promise<void> {
  const { host, cacheDir, isInEngine } = at;
  const image = survey.images.find(({ id }) => id === item.id)?.content ?? null;
  const fetched = item.snapshots.flatMap((snapshot) => snapshot.files);
  if (image === null || fetched.length === 0) return;
  const places = await openImagePlaces(host.files, cacheDir);
  const parts = new Map([image.config, ...image.layers].map((each) => [each.digest, each]));
  for (const { path } of fetched) {
    const blob = parts.get(path);
    if (blob === undefined || (await hasBlob(host.files, places, blob))) continue;
    if ((await isInEngine?.(image)) === true) return;
    throw failure("cache.changed", { repo: image.name, path: "A layer" });
  }
  await publishImage(at, places, { image, lockRetryMs, signal });
}

/** Why layers can't be put there; null where nothing is in their way. */
async function findObstacle(
  { host: { files }, cacheDir }: ImageStoreOptions,
  { blobs }: Survey,
  { snapshots }: SurveyedItem,
): Promise<Failure | null> {
  const names = new Set(snapshots.flatMap((each) => each.files.map(({ blobName }) => blobName)));
  const lacking = blobs.filter(({ cached, blobName }) => !cached && names.has(blobName));
  if (lacking.length === 0) return null;
  const places = await openImagePlaces(files, cacheDir).catch((error: unknown) =>
    error instanceof Failure ? error : null,
  );
  // Without a cache, nothing is there yet.
  if (places === null || places instanceof Failure) return places;
  const folders = [places.locks, places.manifests, places.partials, places.blobs];
  const entries = lacking.flatMap(({ blobName }) => {
    const { content, partial, journal } = placeIn(places, blobName);
    return [content, partial, journal];
  });
  return obstacleAmong(files, { cacheDir, folders, entries });
}

/** For layers that are to come, and on Docker's disk for all that it has yet to unpack. */
async function neededSpace(
  at: ImageStoreOptions,
  { images, blobs }: Survey,
): Promise<readonly NeededSpace[]> {
  const { files } = at.host;
  const names = new Set(
    images.flatMap(({ snapshots }) =>
      snapshots.flatMap((each) => each.files.map(({ blobName }) => blobName)),
    ),
  );
  const wanted = blobs.filter(({ blobName }) => names.has(blobName));
  const lacking = wanted.filter(({ cached }) => !cached);
  const sizes = (of: readonly { readonly sizeBytes: number }[]): number =>
    of.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const heldBytes = lacking.reduce((sum, { held }) => sum + countBytes(held), 0);
  const places = imagePlacesOf(at.cacheDir);
  const needOf = (folder: string, bytes: number) => needIn(files, folder, bytes);
  const needs = [await needOf(places.partials, sizes(lacking) - heldBytes)];
  const copied = await needOf(places.blobs, sizes(lacking));
  if (copied.disk !== needs[0]?.disk) needs.push(copied);
  const unpacking = await unpackingSpace(
    at,
    wanted.map(({ sizeBytes }) => sizeBytes),
  );
  if (unpacking !== null) needs.push(unpacking);
  return needs;
}

async function unpackingSpace(
  { host: { files }, engine = null }: ImageStoreOptions,
  layerBytes: readonly number[],
): Promise<NeededSpace | null> {
  if (engine === null || layerBytes.length === 0) return null;
  const sumBytes = layerBytes.reduce((sum, bytes) => sum + bytes, 0);
  const kept = engine.keepsLayers ? sumBytes : Math.max(...layerBytes);
  const bytes = Math.ceil(sumBytes * unpackedRatio) + kept;
  return { ...(await needIn(files, engine.rootDir, bytes)), estimated: true };
}

async function needIn(
  files: ImageStoreOptions["host"]["files"],
  folder: string,
  bytes: number,
): Promise<NeededSpace> {
  const disk = (await nearestThere(files, folder))?.disk ?? 0;
  return { disk, folder, what: "images", bytes, freeBytes: await freeSpace(files, folder) };
}
