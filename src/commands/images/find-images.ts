import type { Work } from "../command-request.ts";
import { inStartOrder, neededBy, type StackConfig } from "../../docker/compose.ts";
import { findRegistryLogin } from "../../docker/credentials.ts";
import type { DockerInfo } from "../../docker/engine.ts";
import {
  askEngineTraits,
  chooseWay,
  type EngineImage,
  type EngineTraits,
  findEngineImage,
  findEngineImages,
  type ImageWish,
  listEngineImages,
} from "../../docker/engine-images.ts";
import { countBytes } from "../../run/byte-ranges.ts";
import type { PlannedImage } from "../../run/events/download.ts";
import type { ListedImage } from "../../run/events/reports.ts";
import type { Notice } from "../../run/events/run.ts";
import { Failure } from "../../run/failure.ts";
import { imageFilesOf } from "../../run/repos/file-listing.ts";
import { quoted } from "../../run/shell-quote.ts";
import { isHubOffline } from "../../source/hub/environment.ts";
import { type Platform, platformOf } from "../../source/oci/manifest.ts";
import { type LoginProblem, openRegistries, type Registries } from "../../source/oci/registry.ts";
import { findServers } from "../../source/heros-server.ts";
import { tellRegistryWait } from "../open-hub.ts";
import { type ImageStore, openImageStore } from "../../store/images/image-store.ts";
import { storeByRepo } from "../../store/by-repo.ts";
import type { ImageContent, NeededSpace, Store, Survey } from "../../store/store.ts";
import {
  findByName,
  type ImageRequest,
  leftImage,
  type LeftImage,
  plannedLeft,
  type SurveyedImages,
  surveyLeft,
  noRegistries,
  surveyImages,
  surveyLimitMs,
  withImages,
} from "./survey-images.ts";

export interface ImagesRequest {
  /** The service that answers: what it waits for, comes first. */
  readonly ownService: string | null;
  /** Of the stack, as compose merges it. */
  readonly config: StackConfig;
  readonly cacheDir: string;
  /** Addresses that models come from: where another heros serves there, it is asked for images too. */
  readonly endpoints: readonly string[];
  /**
   * An image that can't be found out ends it, and a registry is waited for as long as the Hub is; without an engine, images are
   * stored for when there is one. Else whatever is in the way leaves images to Docker.
   */
  readonly strict: boolean;
  /** Images stay in the store, whole, once Docker has them. */
  readonly keep: boolean;
}

/** The stack's images, as they were found before anything is written. */
export interface FoundImages {
  readonly request: ImagesRequest;
  readonly registries: Registries;
  readonly store: ImageStore;
  /** Of those that Docker has by their names no content is known. */
  readonly surveyed: SurveyedImages;
  /** There is an engine that takes them. */
  readonly hasEngine: boolean;
  /** What only Docker itself can pull, and does not have: those that could not be found out, too. */
  readonly left: readonly LeftImage[];
}

const answerLimitMs = 10_000;

/**
 * Finds out which images the stack lacks, and what they are made of.
 * @param stop ends the search alone; what was found is of use as long as the run
 * @returns null where Docker pulls them itself: whatever stands in the way is no failure, unless it is strict
 * @throws Failure `image.…`, `registry.…` (2, 4, 5, 6) where it is strict; AbortError
 */
export async function findStackImages(
  work: Work,
  request: ImagesRequest,
  stop = work.signal,
): Promise<FoundImages | null> {
  try {
    return await find(work, request, stop);
  } catch (error) {
    stop.throwIfAborted();
    if (request.strict || !(error instanceof Failure)) throw error;
    return null;
  }
}

async function find(
  work: Work,
  request: ImagesRequest,
  signal: AbortSignal,
): Promise<FoundImages | null> {
  const { host } = work;
  const { cacheDir, strict, keep } = request;
  const all = imagesOf(request, host.env["DOCKER_DEFAULT_PLATFORM"]);
  const there = await findAllInEngine({ host, signal }, all);
  const isOffline = isHubOffline(host.env);
  if (there === null && isOffline && !strict) return null;
  const [asked, listed] =
    there === null
      ? await Promise.all([
          askEngineTraits({ host, signal, limitMs: answerLimitMs }),
          listEngineImages({ host, signal }),
        ])
      : [null, there];
  const engine = asked === null ? there : listed;
  if (engine === null && !strict) return null;
  const traits = engine === null ? null : (asked?.traits ?? null);
  const { wanted, left, way } = chooseImages(all, traits);
  const registries = openOwnRegistries(work, {
    mirrors: asked?.info?.registryMirrors ?? [],
    nearby:
      isOffline || there !== null ? [] : await findServers({ host, signal }, request.endpoints),
    patient: strict,
  });
  const store = openImageStore({ host, cacheDir, ...storeOptions(work, asked?.info ?? null) });
  const asking = isOffline ? noRegistries : registries;
  const common = { store, platform: platformOf(host), engine, signal };
  const limit = strict ? new AbortController().signal : AbortSignal.timeout(surveyLimitMs);
  const [surveyed, pulled] = await Promise.all([
    surveyImages({
      ...common,
      registries: asking,
      images: wanted,
      way,
      signal: AbortSignal.any([signal, limit]),
      lenient: !strict,
      whole: keep,
      onCached: (image, { message }) => {
        if (!isOffline) work.emit(cachedNotice(image, message));
      },
    }).catch((error: unknown) => {
      if (limit.aborted && !signal.aborted) return null;
      throw error;
    }),
    surveyLeft({ ...common, registries: asking, images: left }),
  ]);
  // Docker waits for a registry as long as it takes.
  const late = surveyed === null ? await surveyLeft({ ...common, images: wanted }) : [];
  const found = surveyed ?? { images: [], blobs: [] };
  const unknown = found.images.filter(({ problem }) => problem !== null).map(leftImage);
  return {
    request,
    registries,
    store,
    surveyed: found,
    hasEngine: engine !== null,
    left: [...late, ...unknown, ...pulled],
  };
}

function openOwnRegistries(
  { host, emit }: Work,
  {
    patient,
    ...places
  }: {
    readonly mirrors: readonly string[];
    readonly nearby: readonly string[];
    readonly patient: boolean;
  },
): Registries {
  return openRegistries({
    host,
    credentials: (registry, stop) => findRegistryLogin(host, registry, stop),
    ...places,
    onLoginProblem: (problem) => emit(loginNotice(problem)),
    ...(patient ? { onRetry: tellRegistryWait(emit) } : { answerLimitMs, forMs: answerLimitMs }),
  });
}

function loginNotice(problem: LoginProblem): Notice {
  const { registry } = problem;
  const message =
    problem.why === "refused"
      ? `${registry} rejected the login that Docker keeps for it.`
      : `Docker's login for ${registry} can't be read: ${problem.problem}.`;
  return {
    type: "notice",
    level: "warning",
    code: "registry.login_unused",
    message: `${message} Continuing without it.`,
    hint: `Public images need no login. To log in again: docker login ${quoted(registry)}`,
  };
}

function storeOptions({ host, signal }: Work, info: DockerInfo | null) {
  return {
    engine:
      info === null || info.rootDir === null
        ? null
        : { rootDir: info.rootDir, keepsLayers: info.containerdImages },
    isInEngine: async ({ name }: ImageContent) =>
      (await findEngineImage({ host, signal }, name)) !== null,
  };
}

function cachedNotice(image: string, message: string): Notice {
  return {
    type: "notice",
    level: "warning",
    code: "registry.cache_used",
    message: `${message} Using ${image} as downloaded before.`,
    hint: "All of its layers are cached. Run heros again later to check for a newer one.",
  };
}

/** What kept images from being found out, where Docker may have better luck. */
export function imageNotices({ surveyed }: FoundImages): Notice[] {
  return surveyed.images.flatMap(({ problem }): Notice[] => {
    if (problem === null) return [];
    const { code, message } = problem;
    const told = `${message} Docker tries it itself.`;
    return [{ type: "notice", level: "warning", code, message: told }];
  });
}

/** What both come to on each disk, and what Docker pulls itself, as far as its size is known. */
export async function neededSpace(
  models: { readonly store: Store; readonly survey: Survey },
  found: FoundImages | null,
): Promise<readonly NeededSpace[]> {
  if (found === null) return models.store.neededSpace(models.survey);
  const both = storeByRepo({ hub: models.store, oci: found.store });
  const pulled = found.left.flatMap(({ lackingBytes }) => lackingBytes);
  const [needs, unpacking] = await Promise.all([
    both.neededSpace(withFoundImages(models.survey, found)),
    found.store.unpackingSpace(pulled),
  ]);
  return unpacking === null ? needs : [...needs, unpacking];
}

/** The images whose size is known, as a plan has them. Of those that Docker has, nothing is to be fetched. */
export function plannedImages({ surveyed, left }: FoundImages): PlannedImage[] {
  const own = surveyed.images
    .filter(({ problem }) => problem === null)
    .map(({ label, totalBytes, cachedBytes, resumedBytes }) => ({
      ...label,
      totalBytes,
      cachedBytes: cachedBytes + resumedBytes,
    }));
  return [...own, ...left.filter(({ layers }) => layers !== null).map(plannedLeft)];
}

/** Models and images as one download; those that Docker has, and those that could not be found out, are no part of it. */
export function withFoundImages(models: Survey, found: FoundImages | null): Survey {
  if (found === null) return models;
  const images = found.surveyed.images.filter(({ content }) => content !== null);
  return withImages(models, { images, blobs: found.surveyed.blobs });
}

/** Which of the stack's images there are, by what Docker and the cache say; no registry is asked. @throws AbortError */
export async function listStackImages(
  { host, signal }: Pick<Work, "host" | "signal">,
  stack: Pick<ImagesRequest, "ownService" | "config" | "cacheDir">,
): Promise<ListedImage[]> {
  const { cacheDir } = stack;
  const all = imagesOf(stack, host.env["DOCKER_DEFAULT_PLATFORM"]);
  const wanted = Map.groupBy(
    all.filter(({ wish }) => chooseWay(wish, null).way !== "none"),
    ({ request }) => request.name,
  );
  const [engine, isThere] = await Promise.all([
    findEngineImages({ host, signal }, [...wanted.keys()]),
    answers({ host, signal }),
  ]);
  const store = openImageStore({ host, cacheDir });
  return Promise.all(
    [...wanted].map(async ([image, users]) => {
      const services = users.flatMap(({ request }) => request.services);
      const has = users.every(({ request }) => isInEngine(request, platformOf(host), engine));
      const stored = await storedBytes(store, image);
      const { receivedBytes, totalBytes } = stored;
      const isWhole = totalBytes !== null && receivedBytes >= totalBytes;
      const lacks = isThere ? "missing" : "unknown";
      const state = has ? "here" : isWhole ? "stored" : receivedBytes > 0 ? "partly" : lacks;
      return { image, services, state, ...stored };
    }),
  );
}

/** What is no name is in no engine. */
function isInEngine(image: ImageRequest, usual: Platform, engine: readonly EngineImage[]): boolean {
  try {
    return findByName(image, usual, engine) !== null;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

async function answers({ host, signal }: Pick<Work, "host" | "signal">): Promise<boolean> {
  const asked = { command: "docker", args: ["version"], timeoutMs: answerLimitMs, signal };
  return (await host.processes.run(asked)).exitCode === 0;
}

async function storedBytes(
  store: ImageStore,
  name: string,
): Promise<Pick<ListedImage, "totalBytes" | "receivedBytes">> {
  const image = await store.readImage(name);
  if (image === null) return { totalBytes: null, receivedBytes: 0 };
  const files = imageFilesOf(image);
  const held = await Promise.all(
    files.map(async (file) => {
      const { cached, held: ranges } = await store.lookUp(image.repo, file);
      return cached ? file.sizeBytes : countBytes(ranges);
    }),
  );
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
  return {
    totalBytes: sum(files.map(({ sizeBytes }) => sizeBytes)),
    receivedBytes: sum(held),
  };
}

interface StackImage {
  readonly request: ImageRequest;
  readonly wish: ImageWish;
}

/** The images of the stack's services: those of a service that others wait for before theirs, for it is started while the rest is on its way. */
function imagesOf(
  { config, ownService }: Pick<ImagesRequest, "config" | "ownService">,
  usualPlatform: string | undefined,
): readonly StackImage[] {
  const needed = neededBy(ownService ?? "", config);
  return inStartOrder(config).flatMap(
    ([service, { image, build, pull_policy, platform = usualPlatform }]) => {
      if (image === undefined) return [];
      const builds = build !== undefined && build !== null;
      return {
        request: {
          name: image,
          services: [service],
          neededForOnline: needed.has(service),
          ...(platform === undefined ? {} : { platform }),
        },
        wish: { pullPolicy: pull_policy ?? null, builds, pinned: image.includes("@") },
      };
    },
  );
}

/** Those of them that Docker has, if it has all that anybody would fetch: asked first, and of no other image, for from the second run on it has. */
async function findAllInEngine(
  { host, signal }: Pick<Work, "host" | "signal">,
  images: readonly StackImage[],
): Promise<readonly EngineImage[] | null> {
  const fetched = images.filter(({ wish }) => chooseWay(wish, null).way !== "none");
  const names = new Set(fetched.map(({ request }) => request.name));
  const engine = await findEngineImages({ host, signal }, [...names]);
  if (engine.length < names.size) return null;
  const usual = platformOf(host);
  const isThere = fetched.every(({ request }) => findByName(request, usual, engine) !== null);
  return isThere ? engine : null;
}

/**
 * Those of them that heros may fetch, and those that only Docker can.
 * @param traits null where there is no engine: then nothing stands in the way of storing them
 */
function chooseImages(
  images: readonly StackImage[],
  traits: EngineTraits | null,
): {
  readonly wanted: readonly ImageRequest[];
  readonly left: readonly ImageRequest[];
  readonly way: "registry" | "load";
} {
  const byName = Map.groupBy(images, ({ request }) => request.name);
  let way: "registry" | "load" = "registry";
  const wanted: ImageRequest[] = [];
  const left: ImageRequest[] = [];
  for (const { request, wish } of images) {
    const chosen = chooseWay(wish, traits).way;
    if (chosen === "none") continue;
    if (chosen === "load") way = chosen;
    const isPulled = chosen === "pull" && traits !== null;
    // One name for two platforms is more than Docker's classic store knows.
    const platforms = new Set(byName.get(request.name)?.map((each) => each.request.platform));
    (isPulled || platforms.size > 1 ? left : wanted).push(request);
  }
  return { wanted, left, way };
}
