import { join } from "node:path";
import type { Host } from "../../host/host.ts";
import { type ContentPlace, orIfMissing, whileLocked, writeSafely } from "../contents.ts";
import type { ImageContent, OciBlob, Publication } from "../store.ts";
import {
  blobNamesOf,
  hasBlob,
  hexOf,
  type ImagePlaces,
  imagePlacesOf,
  openImagePlaces,
  readRecord,
  readRecords,
  recordPath,
  removeRecord,
  tidyImages,
  writeIndex,
  writeRecord,
} from "./manifests.ts";

type Doors = Pick<Host, "files" | "fileLocks" | "routes" | "clock">;

/** Where the images of a cache are, and how its disk is reached. */
export interface ImagesAt {
  readonly host: Doors;
  readonly cacheDir: string;
}

/** An image as it lies here. */
export interface StoredImage extends ImageContent {
  readonly configPath: string;
  /** Null for a layer that is not here, or not yet. The lowest first. */
  readonly layerPaths: readonly (string | null)[];
  /** All of it is here. */
  readonly isWhole: boolean;
}

/** Where a blob is on its way, and where once it is verified. */
export function placeIn(places: ImagePlaces, blobName: string): ContentPlace {
  return {
    folder: places.partials,
    partial: join(places.partials, `${blobName}.heros-partial`),
    journal: join(places.partials, `${blobName}.heros-journal`),
    content: join(places.blobs, blobName),
    lock: join(places.locks, `${blobName}.lock`),
  };
}

type Waiting = Pick<Publication, "lockRetryMs" | "signal">;

/** Between two looks at a lock that another process holds. */
const lockRetryMs = 500;

/** What is written down of images changes by one heros at a time. */
function inTurn<Result>(
  { host }: ImagesAt,
  places: ImagePlaces,
  waiting: Waiting,
  act: () => Promise<Result>,
): Promise<Result> {
  return whileLocked(host, { lock: join(places.locks, "heros-images.lock"), ...waiting }, act);
}

/**
 * Writes down what images are made of, before their first byte: whoever removes an image leaves what stands here. Of an
 * image whose name means another one by now, what nothing needs any longer goes. @throws Node's errors
 */
export async function wantImages(
  at: ImagesAt,
  places: ImagePlaces,
  images: readonly ImageContent[],
): Promise<void> {
  const { signal } = new AbortController();
  const { files } = at.host;
  await inTurn(at, places, { lockRetryMs, signal }, async () => {
    const former = await Promise.all(images.map(({ name }) => readRecord(files, places, name)));
    for (const image of images) await writeRecord(files, places, image);
    const left = former.flatMap((image) => (image === null ? [] : [...blobNamesOf(image)]));
    await removeUnneeded(at, places, left);
    await sweep(at, places, images);
  });
}

/** What nobody wrote to for so long is nobody's work. */
const idleMs = 60 * 60 * 1000;

/**
 * Removes what earlier runs left and nobody will go on with: unfinished images that another tag of their repository took the
 * place of, and blobs that no image needs.
 */
async function sweep(
  at: ImagesAt,
  places: ImagePlaces,
  wanted: readonly ImageContent[],
): Promise<void> {
  const { files, clock } = at.host;
  const nowMs = clock.now().getTime();
  const isIdle = async (...paths: readonly string[]): Promise<boolean> => {
    const found = await Promise.all(paths.map((path) => files.lstat(path).catch(() => null)));
    return found.every((each) => each === null || nowMs - each.mtimeMs > idleMs);
  };
  const filesOf = (blobName: string): string[] => {
    const { content, partial, journal } = placeIn(places, blobName);
    return [content, partial, journal];
  };
  const needed = new Set<string>();
  for (const image of await readRecords(files, places)) {
    const own = [...blobNamesOf(image)];
    const isReplaced =
      wanted.some(({ repo }) => repo === image.repo) &&
      !wanted.some(({ name }) => name === image.name) &&
      !(await isWhole(files, places, image)) &&
      (await isIdle(recordPath(places, image.name), ...own.flatMap(filesOf)));
    if (isReplaced) await removeRecord(files, places, image.name);
    else for (const blobName of own) needed.add(blobName);
  }
  const folders = await Promise.all(
    [places.blobs, places.partials].map((folder) => files.readdir(folder).catch(() => [])),
  );
  const there = folders
    .flat()
    .flatMap((name) => /^[0-9a-f]{64}(?=$|\.heros-)/u.exec(name)?.[0] ?? []);
  for (const blobName of new Set(there)) {
    if (needed.has(blobName) || !(await isIdle(...filesOf(blobName)))) continue;
    await removeBlob(at.host, places, blobName);
  }
}

async function isWhole(
  files: Doors["files"],
  places: ImagePlaces,
  { config, layers }: ImageContent,
): Promise<boolean> {
  const there = await Promise.all([config, ...layers].map((blob) => hasBlob(files, places, blob)));
  return there.every(Boolean);
}

/** Makes an image whole, all of whose layers are here: its manifest and its place in the index. @throws Node's errors, AbortError */
export async function publishImage(
  at: ImagesAt,
  places: ImagePlaces,
  { image, ...waiting }: { readonly image: ImageContent } & Waiting,
): Promise<void> {
  const { files } = at.host;
  const parts = [{ digest: image.manifestDigest, bytes: image.manifest }];
  if (image.index !== null) parts.push({ digest: image.digest, bytes: image.index });
  const lacking: typeof parts = [];
  for (const part of parts) {
    const sizeBytes = part.bytes.length;
    if (!(await hasBlob(files, places, { digest: part.digest, sizeBytes }))) lacking.push(part);
  }
  if (lacking.length === 0) return;
  await inTurn(at, places, waiting, async () => {
    for (const { digest, bytes } of lacking) {
      const { content: path, partial: temporary } = placeIn(places, hexOf(digest));
      await writeSafely(files, { path, temporary, bytes });
    }
    await writeIndex(files, places);
  });
}

/** What is here of an image; null where it was never wanted. */
export async function readImage(
  { host: { files }, cacheDir }: ImagesAt,
  name: string,
): Promise<StoredImage | null> {
  const places = imagePlacesOf(cacheDir);
  const image = await readRecord(files, places, name);
  if (image === null) return null;
  const pathTo = async (blob: OciBlob): Promise<string | null> =>
    (await hasBlob(files, places, blob)) ? join(places.blobs, hexOf(blob.digest)) : null;
  const [config, ...layerPaths] = await Promise.all([image.config, ...image.layers].map(pathTo));
  const all = config !== null && layerPaths.every((path) => path !== null);
  return {
    ...image,
    configPath: join(places.blobs, hexOf(image.config.digest)),
    layerPaths,
    isWhole: all,
  };
}

/** Removes an image, without what another one needs, and without what another heros is working on. @throws Node's errors, AbortError */
export async function removeImage(
  at: ImagesAt,
  image: ImageContent,
  signal: AbortSignal,
): Promise<void> {
  const { host, cacheDir } = at;
  const { files } = host;
  const there = await files.lstat(imagePlacesOf(cacheDir).root).catch(orIfMissing(null));
  if (there === null) return;
  const places = await openImagePlaces(files, cacheDir);
  await inTurn(at, places, { lockRetryMs, signal }, async () => {
    await removeUnneeded(at, places, [...blobNamesOf(image)], image.name);
    // The last: whoever is killed before it finds here what is left to remove.
    await removeRecord(files, places, image.name);
    await writeIndex(files, places);
  });
  await tidyImages(files, cacheDir, places);
}

/** Removes those of the blobs that no wanted image needs. @param except an image that is wanted no longer */
async function removeUnneeded(
  { host }: ImagesAt,
  places: ImagePlaces,
  blobNames: readonly string[],
  except: string | null = null,
): Promise<void> {
  const records = await readRecords(host.files, places);
  const others = records.filter(({ name }) => name !== except);
  const needed = new Set(others.flatMap((each) => [...blobNamesOf(each)]));
  for (const blobName of new Set(blobNames)) {
    if (!needed.has(blobName)) await removeBlob(host, places, blobName);
  }
}

/** Under its lock, and not where another process holds that. */
async function removeBlob(
  { files, fileLocks }: Doors,
  places: ImagePlaces,
  blobName: string,
): Promise<void> {
  const { content, partial, journal, lock } = placeIn(places, blobName);
  await files.mkdir(places.locks, { recursive: true });
  if ((await fileLocks.acquire(lock)) === "busy") return;
  try {
    for (const file of [content, partial, journal, `${journal}.new`]) {
      await files.rm(file, { force: true });
    }
  } finally {
    fileLocks.release(lock);
  }
}

/** Hashes what is here of an image and removes what is damaged. @returns that. @throws Node's errors, AbortError */
export async function removeDamaged(
  { host, cacheDir }: ImagesAt,
  name: string,
  signal: AbortSignal,
): Promise<readonly OciBlob[]> {
  const { files } = host;
  const image = await readRecord(files, imagePlacesOf(cacheDir), name);
  if (image === null) return [];
  const { hashFiles } = await import("../hashing.ts");
  const places = await openImagePlaces(files, cacheDir);
  const present = [];
  for (const blob of [image.config, ...image.layers]) {
    const path = join(places.blobs, hexOf(blob.digest));
    const { sizeBytes } = blob;
    if (await hasBlob(files, places, blob)) present.push({ blob, path, sizeBytes, gitSha1: false });
  }
  const damaged: OciBlob[] = [];
  await hashFiles({
    files: present,
    threads: 2,
    routes: host.routes,
    onReached: () => {},
    onEnd({ blob }, answer) {
      const sound = answer.type === "hashed" && answer.digests.sha256 === hexOf(blob.digest);
      if (!sound) damaged.push(blob);
    },
    signal,
  });
  for (const { digest } of damaged) await removeBlob(host, places, hexOf(digest));
  return damaged;
}
