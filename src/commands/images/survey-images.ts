import { sideBySide } from "../../run/concurrency.ts";
import type { EngineImage } from "../../docker/engine-images.ts";
import type { PulledImage } from "../../docker/pull-and-build.ts";
import type { ImageLabel, PlannedImage } from "../../run/events/download.ts";
import { exitCodes, Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { imageFilesOf, imageIdOf } from "../../run/repos/file-listing.ts";
import { type Platform, parsePlatform } from "../../source/oci/manifest.ts";
import {
  type ImageReference,
  parseImageReference,
  repoOfImage,
} from "../../source/oci/reference.ts";
import type { Registries } from "../../source/oci/registry.ts";
import { type ImageStore, unpackedRatio } from "../../store/images/image-store.ts";
import {
  type ImageContent,
  sumBytes,
  type Survey,
  type SurveyedBlob,
  type SurveyedImage,
} from "../../store/store.ts";

/** An image that the stack's services run. */
export interface ImageRequest {
  /** As the compose file has it. */
  readonly name: string;
  readonly services: readonly string[];
  /** The stack waits for one of these services. */
  readonly neededForOnline: boolean;
  /** That the compose file asks for: `linux/amd64`. Left out, this machine's. */
  readonly platform?: string;
}

export interface ImageSurveyRequest {
  readonly registries: Pick<Registries, "resolve">;
  readonly store: Pick<ImageStore, "lookUp" | "locate" | "readImage">;
  /** In the order in which Docker should have them. */
  readonly images: readonly ImageRequest[];
  readonly platform: Platform;
  /** What Docker has; null where it does not say. */
  readonly engine: readonly EngineImage[] | null;
  readonly way: ImageLabel["way"];
  readonly signal: AbortSignal;
  /** An image that can't be found out gets its `problem` instead of ending the survey. */
  readonly lenient?: boolean;
  /** All of an image has to be in the store, the layers too that Docker has of others. */
  readonly whole?: boolean;
  /** A registry could not be asked, and all of the image is here from an earlier run. */
  readonly onCached?: (image: string, failure: Failure) => void;
}

/** A registry that does not say in this time what an image is made of leaves it to Docker. */
export const surveyLimitMs = 20_000;

/** Where none is asked: what the cache has of an image is enough then, if it has all. */
export const noRegistries: ImageSurveyRequest["registries"] = {
  resolve: ({ name }) => Promise.reject(failure("hub.offline", { missing: name })),
};

export type SurveyedImages = Pick<Survey, "images" | "blobs">;

/** After what the stack needs to be online, and before the models of the second priority. */
const laterPriority = 1;

/**
 * Finds out what the images are made of, and what of that has to be fetched: neither what Docker has, whole images or
 * the layers of others, nor what the store has. Writes nothing. A tag means for the rest of the run what it means here.
 * @throws Failure `image.…`, `registry.…` (2, 4, 5, 6); AbortError
 */
export async function surveyImages(request: ImageSurveyRequest): Promise<SurveyedImages> {
  const { signal } = request;
  const unique = [...Map.groupBy(request.images, ({ name }) => name).values()].flatMap(
    mergeServices,
  );
  const ordered = unique.toSorted((a, b) => priorityOf(a) - priorityOf(b));
  const found = await sideBySide(ordered, 8, signal, async (image, either) =>
    lookAtImage({ ...request, signal: either }, image),
  );
  const blobs = new Map<string, SurveyedBlob>();
  const images: SurveyedImage[] = [];
  const counted = new Set<string>();
  for (const seen of found) images.push(await surveyImage(request, seen, { blobs, counted }));
  return { images, blobs: [...blobs.values()] };
}

/** A survey of both: of models, with their sums, and of images. */
export function withImages(models: Survey, { images, blobs }: SurveyedImages): Survey {
  return { ...models, images, blobs: [...models.blobs, ...blobs] };
}

function priorityOf({ neededForOnline }: ImageRequest): number {
  return neededForOnline ? 0 : laterPriority;
}

/** Two services may run one image. */
function mergeServices(same: readonly ImageRequest[]): ImageRequest[] {
  const [first] = same;
  if (first === undefined) return [];
  const services = [...new Set(same.flatMap((each) => each.services))];
  return [{ ...first, services, neededForOnline: same.some((each) => each.neededForOnline) }];
}

/** What is known of an image. */
interface Seen {
  readonly image: ImageRequest;
  /** Docker has it by its name: nothing else is asked. */
  readonly inEngine: EngineImage | null;
  readonly content: ImageContent | null;
  readonly problem: Failure | null;
}

async function lookAtImage(request: ImageSurveyRequest, image: ImageRequest): Promise<Seen> {
  const nothing = { image, inEngine: null, content: null, problem: null };
  try {
    const inEngine = findByName(image, request.platform, request.engine ?? []);
    if (inEngine !== null) return { ...nothing, inEngine };
    return { ...nothing, content: await resolve(request, image) };
  } catch (error) {
    if (request.lenient === true && error instanceof Failure) return { ...nothing, problem: error };
    throw error;
  }
}

/** By its registry; by what an earlier run wrote down where that can't be asked and nothing is missing. */
async function resolve(
  { registries, store, platform: usual, onCached, signal }: ImageSurveyRequest,
  image: ImageRequest,
): Promise<ImageContent> {
  const { name } = image;
  const reference = parseImageReference(name);
  const platform = platformOfImage(image, usual);
  try {
    const { reference: _asked, ...found } = await registries.resolve(reference, platform, signal);
    return { name, repo: repoOfImage(reference), ...found };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Failure) || error.exitCode !== exitCodes.network) throw error;
    const stored = await store.readImage(name);
    if (stored?.isWhole !== true) throw error;
    onCached?.(name, error);
    return stored;
  }
}

function platformOfImage({ name, platform }: ImageRequest, usual: Platform): Platform {
  return platform === undefined ? usual : parsePlatform(platform, name);
}

/**
 * What Docker has under an image's name, for its platform; null where it has none.
 * @throws Failure `image.unusable` for what is no name, or no platform
 */
export function findByName(
  image: ImageRequest,
  usual: Platform,
  engine: readonly EngineImage[],
): EngineImage | null {
  const reference = parseImageReference(image.name);
  const platform = platformOfImage(image, usual);
  return engine.find((each) => hasName(each, reference, platform)) ?? null;
}

/** Whether an image of Docker's is what compose would run, and would not pull. */
function hasName(image: EngineImage, wanted: ImageReference, platform: Platform): boolean {
  if (image.os !== platform.os || image.architecture !== platform.architecture) return false;
  const { names, namesByDigest } = image;
  return [...names, ...namesByDigest].some((name) => {
    const { registry, repository, tag, digest } = parseOrNull(name) ?? {};
    if (registry !== wanted.registry || repository !== wanted.repository) return false;
    return wanted.digest === null ? tag === wanted.tag : digest === wanted.digest;
  });
}

/** Names that Docker shows of what has none: `<none>:<none>`. */
function parseOrNull(name: string): ImageReference | null {
  try {
    return parseImageReference(name);
  } catch {
    return null;
  }
}

/** This very image as Docker has it, under whatever name; null where it does not have it. An index is that of all platforms. */
function findInEngine(
  { config, digest, manifestDigest, diffIds }: ImageDigests,
  engine: readonly EngineImage[],
): EngineImage | null {
  const isSame = (image: EngineImage): boolean => {
    if (image.id === config.digest || image.id === manifestDigest) return true;
    const known = [image.id, ...image.namesByDigest.map((name) => name.split("@")[1])];
    const isThisPlatform = image.diffIds.join() === diffIds.join();
    return isThisPlatform && [digest, manifestDigest].some((own) => known.includes(own));
  };
  return engine.find(isSame) ?? null;
}

type ImageDigests = Pick<ImageContent, "config" | "digest" | "manifestDigest" | "diffIds">;

/** How many of its layers, from the lowest on, Docker has in one of its images: a layer is the same above the same ones only. */
export function layersInEngine(
  { diffIds }: Pick<ImageContent, "diffIds">,
  engine: readonly EngineImage[],
): number {
  const shared = engine.map((image) => {
    const differs = diffIds.findIndex((diffId, index) => image.diffIds[index] !== diffId);
    return differs === -1 ? diffIds.length : differs;
  });
  return Math.max(0, ...shared);
}

/** Adds to `blobs` what of the image has to be in the store, and to `counted` all of it: its sums are those of what no image before it has. */
async function surveyImage(
  { store, engine, way, signal, whole = false }: ImageSurveyRequest,
  { image, inEngine, content, problem }: Seen,
  { blobs, counted }: { readonly blobs: Map<string, SurveyedBlob>; readonly counted: Set<string> },
): Promise<SurveyedImage> {
  const { name, services, neededForOnline } = image;
  const id = imageIdOf(name);
  const priority = priorityOf(image);
  const same = content === null ? inEngine : findInEngine(content, engine ?? []);
  const known = { id, title: name, priority, content, problem, engineId: same?.id ?? null };
  const nothing = { totalBytes: 0, cachedBytes: 0, resumedBytes: 0 };
  const label = { image: name, services, neededForOnline, way };
  if (content === null) {
    const digest = inEngine?.namesByDigest[0]?.split("@")[1] ?? inEngine?.id ?? "";
    const unpackedBytes = inEngine?.unpackedBytes ?? 0;
    return { ...known, ...nothing, snapshots: [], label: { ...label, digest, unpackedBytes } };
  }
  const all = imageFilesOf(content);
  const sum = (files: readonly { readonly sizeBytes: number }[]): number =>
    files.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
  const totalBytes = sum(all.filter(({ blobName }) => !counted.has(blobName)));
  for (const { blobName } of all) counted.add(blobName);
  const lacking = same === null ? filesToStore(content, engine ?? []) : [];
  const wanted = whole ? all : lacking;
  const own = await sideBySide(wanted, 64, signal, async (file) => {
    const before = blobs.get(file.blobName);
    const state = before ?? (await store.lookUp(content.repo, file));
    const { repo, manifestDigest: commit } = content;
    const neededBy = [...(before?.neededBy ?? []), id];
    return { priority, repo, commit, ...file, ...before, ...state, neededBy };
  });
  for (const blob of own) blobs.set(blob.blobName, blob);
  const first = own.filter(({ neededBy }) => neededBy[0] === id);
  const { cachedBytes, resumedBytes } = sumBytes(first);
  const path = store.locate(content.repo, content.manifestDigest);
  const { repo, digest, manifestDigest: commit } = content;
  const files = own.map(({ path: file, blobName, cached }) => ({
    path: file,
    blobName,
    linked: cached,
  }));
  return {
    ...known,
    totalBytes,
    cachedBytes: totalBytes - sum(first) + cachedBytes,
    resumedBytes,
    snapshots: files.length === 0 ? [] : [{ repo, revision: digest, commit, path, files }],
    label: { ...label, digest, unpackedBytes: Math.round(totalBytes * unpackedRatio) },
  };
}

/** Of an image that Docker does not have: its configuration, and the layers above those that Docker has. */
function filesToStore(
  content: ImageContent,
  engine: readonly EngineImage[],
): ReturnType<typeof imageFilesOf> {
  const layers = content.layers.slice(layersInEngine(content, engine));
  return imageFilesOf({ config: content.config, layers });
}

/** An image that only Docker itself can pull. */
export interface LeftImage extends PulledImage {
  readonly label: ImageLabel;
  /** Sizes of what Docker lacks of it; none where nobody knows. */
  readonly lackingBytes: readonly number[];
}

/** Of what only Docker can pull, and does not have, how large it is: without `registries`, and where they do not say, nothing. */
export async function surveyLeft(
  request: Pick<ImageSurveyRequest, "images" | "platform" | "engine" | "signal"> & {
    readonly store: ImageStore;
    readonly registries?: ImageSurveyRequest["registries"];
  },
): Promise<LeftImage[]> {
  const { images, store, signal, registries = noRegistries } = request;
  if (images.length === 0) return [];
  const limit = AbortSignal.timeout(surveyLimitMs);
  try {
    const { images: seen } = await surveyImages({
      ...request,
      registries,
      // Layers of ours are of no use to Docker then.
      store: {
        locate: store.locate,
        readImage: () => Promise.resolve(null),
        lookUp: () => Promise.resolve({ cached: false, held: [] }),
      },
      way: "pull",
      signal: AbortSignal.any([signal, limit]),
      lenient: true,
    });
    return seen
      .filter(({ content, problem }) => content !== null || problem !== null)
      .map(leftImage);
  } catch (error) {
    if (!limit.aborted || signal.aborted) throw error;
    return surveyLeft({ ...request, registries: noRegistries });
  }
}

/** An image as Docker pulls it: nothing that heros has of it counts. */
export function leftImage({ label, content, snapshots, totalBytes }: SurveyedImage): LeftImage {
  const { image, services } = label;
  if (content === null) {
    const unknown = { digest: "", unpackedBytes: 0, way: "pull" } as const;
    const sizes = { layers: null, totalBytes: 0, cachedBytes: 0, lackingBytes: [] };
    return { image, services, ...sizes, label: { ...label, ...unknown } };
  }
  const lacking = new Set(snapshots.flatMap(({ files }) => files.map(({ path }) => path)));
  const lackingBytes = imageFilesOf(content).flatMap(({ path, sizeBytes }) =>
    lacking.has(path) ? [sizeBytes] : [],
  );
  const cachedBytes = totalBytes - lackingBytes.reduce((sum, bytes) => sum + bytes, 0);
  const layers = new Map(content.layers.map(({ digest, sizeBytes }) => [digest, sizeBytes]));
  const sizes = { layers, totalBytes, cachedBytes, lackingBytes };
  return { image, services, ...sizes, label: { ...label, way: "pull" } };
}

/** An image that Docker pulls, as events plan it. One of unknown size has none. */
export function plannedLeft({ label, totalBytes, cachedBytes }: LeftImage): PlannedImage {
  return { ...label, totalBytes, cachedBytes };
}
