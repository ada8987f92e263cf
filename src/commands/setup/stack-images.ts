import { annieServiceName } from "../../deploy/compose/annie-service.ts";
import { neededBy, readStackConfig, type StackConfig, runCompose } from "../../docker/compose.ts";
import { findRegistryLogin } from "../../docker/credentials.ts";
import {
  findEngineImage,
  findEngineImages,
  type ImageWish,
  listEngineImages,
  askEngineTraits,
  chooseWay,
  type EngineTraits,
} from "../../docker/engine-images.ts";
import { type HandedImage, openHandOver, removeLeftNames } from "../../docker/hand-over.ts";
import { Failure } from "../../run/failure.ts";
import { createImageTelling } from "../../run/images-state.ts";
import { platformOf } from "../../source/oci/manifest.ts";
import { parseImageReference } from "../../source/oci/reference.ts";
import { openRegistries } from "../../source/oci/registry.ts";
import type { DownloadRequest } from "../../download/download.ts";
import { sourceByRepo } from "../../source/source.ts";
import { storeByRepo } from "../../store/by-repo.ts";
import { type ImageStore, openImageStore } from "../../store/images/image-store.ts";
import { itemsOf, type Survey, type SurveyedImage } from "../../store/store.ts";
import { isHubOffline } from "../../source/hub/environment.ts";
import type { Work } from "../command-request.ts";
import { placeFailureOf } from "../models-place.ts";
import { findByName, type ImageRequest, surveyImages, withImages } from "../survey-images.ts";

/** The images that heros fetches for a stack, beside its models. Docker pulls the others when the stack starts. */
export interface StackImages {
  /** What is to be downloaded, in the place of the models alone. */
  addTo(request: ModelsDownload): ModelsDownload & Partial<DownloadRequest>;
  /** The download ended, however. */
  downloadEnded(): void;
  /** Some image that Annie waits for is not in Docker yet. */
  isNeeded(): boolean;
  /** Services that can start already are started meanwhile. @throws Failure `docker.disk_full` (exit 7); AbortError */
  needed(): Promise<void>;
  /** The rest of them, which Annie does not wait for. @throws as `needed` */
  later(): Promise<void>;
  /** Whether there is such a rest. */
  readonly hasLater: boolean;
  close(): Promise<void>;
}

type ModelsDownload = Pick<DownloadRequest, "source" | "store" | "survey">;

export interface StackImagesRequest {
  readonly stackDir: string;
  readonly survey: Survey;
}

/** A registry that does not say in this time what an image is made of leaves it to Docker. */
const surveyLimitMs = 20_000;
const answerLimitMs = 10_000;

/**
 * Finds out which images the stack lacks, and what they are made of. Whatever stands in the way of that is no failure: Docker
 * pulls then, as it does without heros.
 * @returns null where Docker has all, or pulls all itself. @throws AbortError
 */
export async function findStackImages(
  work: Work,
  request: StackImagesRequest,
): Promise<StackImages | null> {
  try {
    return await find(work, request);
  } catch (error) {
    work.signal.throwIfAborted();
    if (!(error instanceof Failure)) throw error;
    return null;
  }
}

async function find(
  work: Work,
  { stackDir, survey }: StackImagesRequest,
): Promise<StackImages | null> {
  const { host, signal, emit } = work;
  if (isHubOffline(host.env)) return null;
  const config = await readStackConfig({ host, stackDir, signal });
  if (config === null) return null;
  const stackImages = imagesOf(config, host.env["DOCKER_DEFAULT_PLATFORM"]);
  if (await areInEngine(work, stackImages)) return null;
  const [asked, engine] = await Promise.all([
    askEngineTraits({ host, signal, limitMs: answerLimitMs }),
    listEngineImages({ host, signal }),
  ]);
  if (asked === null || engine === null) return null;
  const { wanted, way } = chooseImages(stackImages, asked.traits);
  if (wanted.length === 0) return null;
  const { info } = asked;
  const registries = openRegistries({
    host,
    credentials: (registry, stop) => findRegistryLogin(host, registry, stop),
    mirrors: info.registryMirrors,
    answerLimitMs,
    forMs: answerLimitMs,
  });
  const store = openImageStore({
    host,
    cacheDir: survey.cacheDir,
    engine:
      info.rootDir === null ? null : { rootDir: info.rootDir, keepsLayers: info.containerdImages },
    isInEngine: async ({ name }) => (await findEngineImage({ host, signal }, name)) !== null,
  });
  const limit = AbortSignal.timeout(surveyLimitMs);
  const surveyed = await surveyImages({
    registries,
    store,
    images: wanted,
    platform: platformOf(host),
    engine,
    way,
    signal: AbortSignal.any([signal, limit]),
    lenient: true,
  }).catch((error: unknown) => {
    if (limit.aborted && !signal.aborted) return null;
    throw error;
  });
  const images = (surveyed?.images ?? []).filter(({ content }) => content !== null);
  if (surveyed === null || images.length === 0) return null;
  for (const { problem } of surveyed.images) {
    if (problem === null) continue;
    const { code, message } = problem;
    emit({ type: "notice", level: "warning", code, message: `${message} Docker tries it itself.` });
  }
  const whole = withImages(survey, { images, blobs: surveyed.blobs });
  const obstacles = await Promise.all(images.map((image) => store.findObstacle(whole, image)));
  const placed = await placeFailureOf(work, { ...whole, models: [] });
  if (placed !== null || obstacles.some((obstacle) => obstacle !== null)) return null;
  await removeLeftNames(host, signal);
  return openImages(work, { stackDir, config, registries, store, survey: whole });
}

interface StackImage {
  readonly request: ImageRequest;
  readonly wish: ImageWish;
}

/** The images of the stack's services, in their order. */
function imagesOf(config: StackConfig, usualPlatform: string | undefined): readonly StackImage[] {
  const needed = neededBy(annieServiceName, config);
  return Object.entries(config.services).flatMap(
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

/** Whether Docker has all of them that anybody would fetch: asked first, and of no other image, for from the second run on it has. */
async function areInEngine(
  { host, signal }: Work,
  images: readonly StackImage[],
): Promise<boolean> {
  const fetched = images.filter(({ wish }) => chooseWay(wish, null).way !== "none");
  const names = new Set(fetched.map(({ request }) => request.name));
  const engine = await findEngineImages({ host, signal }, [...names]);
  if (engine.length < names.size) return false;
  const usual = platformOf(host);
  return fetched.every(({ request }) => findByName(request, usual, engine) !== null);
}

/** Those of them that heros may fetch. */
function chooseImages(
  images: readonly StackImage[],
  traits: EngineTraits,
): { readonly wanted: readonly ImageRequest[]; readonly way: "registry" | "load" } {
  const byName = Map.groupBy(images, ({ request }) => request.name);
  let way: "registry" | "load" = "registry";
  const wanted = images.flatMap(({ request, wish }) => {
    const chosen = chooseWay(wish, traits).way;
    if (chosen !== "registry" && chosen !== "load") return [];
    way = chosen;
    // One name for two platforms is more than Docker's classic store knows.
    const platforms = new Set(byName.get(request.name)?.map((each) => each.request.platform));
    return platforms.size === 1 ? request : [];
  });
  return { wanted, way };
}

interface Found {
  readonly stackDir: string;
  readonly config: StackConfig;
  readonly registries: ReturnType<typeof openRegistries>;
  readonly store: ImageStore;
  readonly survey: Survey;
}

function openImages(work: Work, found: Found): StackImages {
  const { host, emit, signal } = work;
  const { store, survey, registries, config } = found;
  const telling = createImageTelling(emit);
  const order = new Set(itemsOf(survey).map(({ id }) => id));
  const images = [...order].flatMap((id) => survey.images.filter((image) => image.id === id));
  const handOver = openHandOver({
    host,
    emit,
    signal,
    images: images.flatMap((image) => handedImage(image, config)),
    pathOf: store.pathOf,
    present: new Set(survey.blobs.flatMap(({ cached, path }) => (cached ? [path] : []))),
    telling,
    async onHanded({ name }) {
      const content = images.find(({ label }) => label.image === name)?.content ?? null;
      if (content !== null) await store.removeImage(content, signal);
    },
  });
  const start = createEarlyStart(work, found, images);
  const waiting = new Set<string>();
  const handed = (some: readonly SurveyedImage[]): Promise<unknown> =>
    Promise.all(
      some.map(async ({ label: { image, services } }) => {
        const isThere = await handOver.handed(image);
        waiting.delete(image);
        if (isThere) start.imageReady(services);
      }),
    );
  const needed = images.filter(({ label }) => label.neededForOnline);
  const later = images.filter(({ label }) => !label.neededForOnline);
  for (const { label } of needed) waiting.add(label.image);
  const neededHanded = handed(needed);
  const laterHanded = handed(later);
  for (const each of [neededHanded, laterHanded]) each.catch(() => {});

  return {
    addTo: (request) => ({
      ...request,
      survey,
      source: sourceByRepo({ hub: request.source, images: registries }),
      store: storeByRepo({ hub: request.store, images: store }),
      imageTelling: telling,
      onLayerVerified: ({ path }) => handOver.partVerified(path),
      onImageVerified: ({ label }) => handOver.imageVerified(label.image),
    }),
    downloadEnded: handOver.downloadEnded,
    isNeeded: () => waiting.size > 0,
    async needed() {
      await neededHanded;
      await start.idle();
    },
    async later() {
      await laterHanded;
    },
    hasLater: later.length > 0,
    close: handOver.close,
  };
}

function handedImage(image: SurveyedImage, config: StackConfig): HandedImage[] {
  const { content, engineId, label, snapshots } = image;
  if (content === null || label.way === "pull") return [];
  const { registry, repository, tag } = parseImageReference(content.name);
  const [service = ""] = label.services;
  return [
    {
      ...content,
      way: label.way,
      engineId,
      fullName: `${registry}/${repository}:${tag ?? "latest"}`,
      coming: new Set(snapshots.flatMap(({ files }) => files.map(({ path }) => path))),
      platform: config.services[service]?.platform ?? null,
    },
  ];
}

/** Starts services that Annie waits for as soon as nothing is missing for them, one command after the other. */
function createEarlyStart(
  { host, emit, signal }: Work,
  { stackDir, config }: Found,
  images: readonly SurveyedImage[],
) {
  const lacking = new Set(images.flatMap(({ label }) => label.services));
  const wanted = [...neededBy(annieServiceName, config)].filter(
    (name) => name !== annieServiceName,
  );
  const started = new Set<string>();
  let last: Promise<unknown> = Promise.resolve();

  async function startReady(): Promise<void> {
    const services = wanted.filter(
      (name) =>
        !started.has(name) && [...neededBy(name, config)].every((each) => !lacking.has(each)),
    );
    if (services.length === 0 || signal.aborted) return;
    for (const service of services) started.add(service);
    emit({ type: "stack.command", command: ["docker compose up -d", ...services].join(" ") });
    // What goes wrong here does so again when all of the stack is started, and is told then.
    await runCompose({ host, stackDir, signal, args: ["up", "-d", ...services] });
  }
  return {
    imageReady(services: readonly string[]) {
      for (const service of services) lacking.delete(service);
      last = last.then(startReady).catch(() => {});
    },
    idle: () => last,
  };
}
