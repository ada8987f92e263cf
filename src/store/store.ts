import { errorCode, type Failure } from "../run/failure.ts";
import { type ByteRanges, countBytes } from "../run/byte-ranges.ts";
import {
  type Digests,
  isImageRepo,
  type ListedFile,
  type RepoScheme,
} from "../run/repos/file-listing.ts";
import type { ModelLabel, ImageLabel } from "../run/events/download.ts";
import { dirname } from "node:path";
import type { Files } from "../host/host.ts";
import { failure } from "../run/failures/table.ts";
import { fileFailure, type FilePlace } from "../run/file-failure.ts";

/**
 * Where bytes live: the Hub cache, container images; later a plain folder. It gives a content a place, a lock, a partial with
 * a journal, and a name once it is verified.
 */
export interface Store {
  /** The folder that sentences name. */
  readonly folder: string;

  // Locate and look up. Writes nothing.

  /** The folder that a program loads a repository's files from. */
  locate(repo: string, commit: string): string;
  /** The commit that is kept of a branch; null where none is. A commit is its own. */
  commitOf(repo: string, revision: string): Promise<string | null>;
  /** The files of a commit as they stand there, in the place of a listing. @throws Failure `hub.offline` for one whose content is gone */
  listSnapshot(repo: string, commit: string): Promise<readonly ListedFile[]>;
  /** Whether a commit has this file for good. */
  hasFile(repo: string, commit: string, file: ListedFile): Promise<boolean>;
  /** Whether the content is there, or how much of its partial can be trusted. */
  lookUp(repo: string, file: ListedFile): Promise<Holding>;
  /** On the disk that contents come to. */
  freeBytes(): Promise<number>;
  /** Why an item's files can't be put there, found out before the first byte; null where they can. */
  findObstacle(survey: Survey, item: SurveyedItem): Promise<Failure | null>;
  /** What all that is missing needs, wherever it goes; a disk may be named more than once. */
  neededSpace(survey: Survey): Promise<readonly NeededSpace[]>;

  // One content on its way. Only after `prepare`.

  /** Makes what a download of these contents of a survey needs. @throws Failure `cache.foreign_link`, `cache.broken_link` (1); Node's errors */
  prepare(blobs: readonly WantedBlob[], survey: Survey): Promise<void>;
  /** Whether contents can be given their names there. @throws Failure `cache.no_symlinks` (1); Node's errors */
  requireNames(): Promise<void>;
  /** Takes over what a former heros kept elsewhere. */
  migrate(blobs: readonly SurveyedBlob[], signal: AbortSignal): Promise<void>;
  /** "busy": another process holds the content's lock. "unavailable": no locks can be had here. */
  lock(blob: WantedBlob): Promise<"held" | "busy" | "unavailable">;
  unlock(blob: WantedBlob): void;
  /** Who holds the lock, as far as the system tells. */
  findLockHolder(blob: WantedBlob): Promise<string | null>;
  /** Whether the content is there by now; one that lies elsewhere on this machine is brought. The lock is the caller's. */
  has(blob: WantedBlob): Promise<boolean>;
  /** Opens the content's partial to go on with it, or starts one. A line of its journal at the latest after `noteBytes`. The lock is the caller's. */
  openPartial(blob: WantedBlob, noteBytes: number): Promise<Partial>;
  /** Hashes the partial behind the bytes that are written to it. */
  followHash(blob: WantedBlob, partial: Partial): Promise<FollowingHash>;
  /** Of a content in memory. */
  digestsOf(blob: WantedBlob, content: Buffer): Promise<Digests>;
  /** The partial, which is closed and verified, is the content from now on. */
  keepPartial(blob: WantedBlob, partial: Partial): Promise<void>;
  /** Writes a verified content from memory. */
  keepContent(blob: WantedBlob, content: Buffer): Promise<void>;

  // Names, and the end.

  /** Makes an item's files visible, all of whose contents are there. @throws Failure `cache.changed`, …; Node's errors, AbortError */
  publish(publication: Publication): Promise<void>;
  /** Removes the folders of these in which nothing is left. */
  tidy(blobs: readonly WantedBlob[]): Promise<void>;
  /** Lets all locks go, and its threads. */
  close(): Promise<void>;
  /** Errors of the disk as failures that say what to do; others are passed through. */
  failureOf(error: unknown): unknown;
  /** Of several as one: whether this kind of repository is theirs. Left out, the Hub's alone are. */
  takes?(scheme: RepoScheme): boolean;
}

/** One content of one repository, whatever the number of files and items that use it. A layer counts once over all repositories. */
export interface WantedBlob extends ListedFile {
  readonly repo: string;
  readonly commit: string;
}

export interface Holding {
  readonly cached: boolean;
  /** Of the partial, safely on disk. */
  readonly held: ByteRanges;
}

/** `path` is that of the first file with this content. */
export interface SurveyedBlob extends WantedBlob, Holding {
  /** Ids of the items that need it; the first has the lowest priority number. */
  readonly neededBy: readonly string[];
  /** The lowest of its items: lower ones come first. */
  readonly priority: number;
}

/** The files of one repository that one item needs. */
export interface SurveyedSnapshot {
  readonly repo: string;
  readonly revision: string;
  readonly commit: string;
  /** The folder that a program loads from. */
  readonly path: string;
  readonly files: readonly {
    readonly path: string;
    readonly blobName: string;
    readonly linked: boolean;
  }[];
}

/** What is wanted as a whole: a model, or a container image. Its files become visible together. */
export interface SurveyedItem extends ByteSums {
  /** An image's is `oci:` and its name, which is no model's. */
  readonly id: string;
  readonly title: string;
  /** Lower ones come first; 0 is what the stack needs to be online. */
  readonly priority: number;
  readonly snapshots: readonly SurveyedSnapshot[];
  /** Why its files could not be listed; null where they were. Only in a lenient survey. */
  readonly problem: Failure | null;
}

export interface SurveyedModel extends SurveyedItem {
  readonly purpose: string;
  /** What events say of it; it is only handed through. */
  readonly label: ModelLabel;
}

export interface SurveyedImage extends SurveyedItem {
  /** What events say of it; it is only handed through. */
  readonly label: ImageLabel;
  /** Null where it could not be found out, and where Docker has it by its name: then nobody asked. */
  readonly content: ImageContent | null;
  /** By which Docker has all of it; under another name, where `content` is there. Null where it does not have it. */
  readonly engineId: string | null;
}

/** What a container image is made of. A layer's name as a file is its digest. */
export interface ImageContent {
  /** As the compose file has it. */
  readonly name: string;
  /** `oci:registry/repository` */
  readonly repo: string;
  /** Of the index where there is one, else of the manifest. */
  readonly digest: string;
  readonly manifestDigest: string;
  /** Of the manifest. */
  readonly mediaType: string;
  readonly index: Buffer | null;
  readonly manifest: Buffer;
  readonly config: OciBlob;
  /** The lowest first. */
  readonly layers: readonly (OciBlob & { readonly mediaType: string })[];
  /** What each layer hashes to once it is unpacked. */
  readonly diffIds: readonly string[];
  /** What its label says of the models in it; left out where it says nothing. */
  readonly modelsLabel?: string;
  /** Its registry gave it without a login, as to anybody. Left out where that is not known. */
  readonly anonymous?: true;
}

export interface OciBlob {
  /** `sha256:…` */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** What is wanted, and what a store has of it. Sums and files are those of the models alone. */
export interface Survey extends SurveySums {
  readonly cacheDir: string;
  /** By priority, then as requested. */
  readonly models: readonly SurveyedModel[];
  /** By priority, then as requested. */
  readonly images: readonly SurveyedImage[];
  /** Of models and images. */
  readonly blobs: readonly SurveyedBlob[];
  readonly freeBytes: number;
}

export interface SurveySums extends ByteSums {
  readonly files: number;
  /** What still has to fit on the disk, with headroom; 0 where nothing is missing. */
  readonly neededBytes: number;
}

export interface ByteSums {
  readonly totalBytes: number;
  readonly cachedBytes: number;
  readonly resumedBytes: number;
}

/** Models and images in the order in which they are fetched: an image is unpacked while the models of its priority come. */
export function itemsOf({ models, images }: Pick<Survey, "models" | "images">): SurveyedItem[] {
  return [...images, ...models].toSorted((a, b) => a.priority - b.priority);
}

/** Whether all of it has its name in the cache. */
export function isWhole({ problem, snapshots }: SurveyedItem): boolean {
  return problem === null && snapshots.every(({ files }) => files.every(({ linked }) => linked));
}

/** Whether something still has to be written to the cache: a blob, or a name of one. */
export function isIncomplete(survey: Pick<Survey, "blobs" | "models" | "images">): boolean {
  const files = itemsOf(survey).flatMap(({ snapshots }) => snapshots.flatMap((each) => each.files));
  return survey.blobs.some(({ cached }) => !cached) || files.some(({ linked }) => !linked);
}

export function sumBytes(blobs: readonly SurveyedBlob[]): ByteSums {
  const sum = (bytesOf: (blob: SurveyedBlob) => number): number =>
    blobs.reduce((bytes, blob) => bytes + bytesOf(blob), 0);
  return {
    totalBytes: sum(({ sizeBytes }) => sizeBytes),
    cachedBytes: sum(({ cached, sizeBytes }) => (cached ? sizeBytes : 0)),
    resumedBytes: sum(({ held }) => countBytes(held)),
  };
}

/** Of the models; a file that several of them share counts once. */
export function sumSurvey({ models, blobs }: Pick<Survey, "models" | "blobs">): SurveySums {
  const sums = sumBytes(blobs.filter(({ repo }) => !isImageRepo(repo)));
  const paths = models.flatMap(({ snapshots }) =>
    snapshots.flatMap(({ path, files }) => files.map((file) => `${path}/${file.path}`)),
  );
  return {
    ...sums,
    files: new Set(paths).size,
    neededBytes: neededFor(sums.totalBytes - sums.cachedBytes - sums.resumedBytes),
  };
}

/** What is left of a survey with these of its items. */
export function surveyOf(survey: Survey, items: readonly SurveyedItem[]): Survey {
  const ids = new Set(items.map(({ id }) => id));
  const models = survey.models.filter(({ id }) => ids.has(id));
  const images = survey.images.filter(({ id }) => ids.has(id));
  const blobs = survey.blobs.filter((blob) => blob.neededBy.some((id) => ids.has(id)));
  return { ...survey, models, images, blobs, ...sumSurvey({ models, blobs }) };
}

/** A file that is being filled, with the journal that says how far. Always as long as it will be. */
export interface Partial {
  readonly path: string;
  /** Handed to the kernel. */
  written(): ByteRanges;
  writtenBytes(): number;
  /** Puts the bytes at `position`, and journals it once enough has come since the last line. Outlives a kill, not a power cut. @throws Node's errors: ENOSPC, … */
  write(bytes: Buffer, position: number): Promise<void>;
  /** What is there by now. @throws Node's errors */
  read(position: number, length: number): Promise<Buffer>;
  /** Journals what no line tells of yet. @throws Node's errors */
  note(): Promise<void>;
  /** Brings the bytes to the disk, and then journals that they are there. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Hashes one file behind the bytes that are written. */
export interface FollowingHash {
  /** Bytes before this one are in the file. Never goes back. */
  follow(upTo: number): void;
  /** Ends when the whole file was followed. */
  readonly digests: Promise<Digests>;
  forget(): void;
}

export interface Publication {
  readonly survey: Survey;
  readonly item: SurveyedItem;
  /** Between two looks at a lock that another process holds. */
  readonly lockRetryMs: number;
  readonly signal: AbortSignal;
}

/** Makes something in a folder which another heros may have removed as empty a moment ago. */
export async function inFolder<Result>(
  files: Pick<Files, "mkdir">,
  folder: string,
  make: () => Promise<Result>,
): Promise<Result> {
  try {
    return await make();
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
  await files.mkdir(folder, { recursive: true });
  return make();
}

const minHeadroom = 64_000_000;
const maxHeadroom = 1_000_000_000;

/** What should stay free besides: 2%, at least 64 MB and at most 1 GB. A disk without any room is no use to the stack. */
export function headroom(missingBytes: number): number {
  return Math.min(maxHeadroom, Math.max(minHeadroom, Math.ceil(missingBytes * 0.02)));
}

/** What a download of so many bytes needs. */
export function neededFor(missingBytes: number): number {
  return missingBytes === 0 ? 0 : missingBytes + headroom(missingBytes);
}

/** Free bytes where the folder is, or will be. */
export async function freeSpace(files: Pick<Files, "statfs">, folder: string): Promise<number> {
  for (let place = folder; ; place = dirname(place)) {
    const found = await files.statfs(place).catch(() => null);
    if (found !== null) return found.bavail * found.bsize;
    if (place === dirname(place)) return 0;
  }
}

/** What is to be written to one disk. */
export interface NeededSpace {
  /** The file system's number, as `stat` tells it. */
  readonly disk: number;
  readonly folder: string;
  readonly what: "models" | "images" | "upgrade";
  /** Without headroom. */
  readonly bytes: number;
  /** What unpacked images take is part of it, which nothing tells before. */
  readonly estimated?: boolean;
  readonly freeBytes: number;
}

/** What comes to one disk in all, whoever writes it. */
export interface DiskNeed {
  /** The first that was named on it. */
  readonly folder: string;
  readonly what: readonly NeededSpace["what"][];
  /** With headroom; 0 where nothing comes. */
  readonly neededBytes: number;
  readonly freeBytes: number;
  readonly estimated: boolean;
}

/** The needs of each disk, summed. */
export function needsByDisk(needs: readonly NeededSpace[]): DiskNeed[] {
  return [...Map.groupBy(needs, ({ disk }) => disk).values()].flatMap((onDisk) => {
    const [first] = onDisk;
    if (first === undefined) return [];
    const { folder, freeBytes } = first;
    const coming = onDisk.filter(({ bytes }) => bytes > 0);
    const what = [...new Set((coming.length > 0 ? coming : onDisk).map((each) => each.what))];
    const neededBytes = neededFor(coming.reduce((sum, { bytes }) => sum + bytes, 0));
    const estimated = coming.some((each) => each.estimated === true);
    return [{ folder, what, neededBytes, freeBytes, estimated }];
  });
}

/** `disk.too_small`, exit status 7, of the first disk that is; null where all that comes fits. */
export function spaceFailure(needs: readonly NeededSpace[]): Failure | null {
  const tooSmall = needsByDisk(needs).find(({ neededBytes, freeBytes }) => neededBytes > freeBytes);
  if (tooSmall === undefined) return null;
  const { folder, neededBytes, freeBytes, estimated } = tooSmall;
  const [first = "models", second] = tooSmall.what;
  const what = second === undefined ? first : "models and images";
  return failure("disk.too_small", { what, folder, neededBytes, freeBytes, estimated });
}

/** Checks before the first byte that all that comes fits. @throws Failure `disk.too_small`, exit status 7 */
export function requireSpace(needs: readonly NeededSpace[]): void {
  const tooSmall = spaceFailure(needs);
  if (tooSmall !== null) throw tooSmall;
}

/** Errors of the file system as failures that say what to do; others are passed through. */
export function failureOfFiles(
  error: unknown,
  folder: string,
  area: FilePlace["area"] = "cache",
): unknown {
  return fileFailure(error, { folder, area }) ?? error;
}
