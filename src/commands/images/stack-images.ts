import type { CoreOf } from "../../deploy/compose/core-service.ts";
import { askDocker, type DockerAnswer, engineProblem, inDockerGroup } from "../../docker/engine.ts";
import type { Probe } from "../../host/time-limit.ts";
import { warningOf } from "../../run/events/run.ts";
import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { neededBy, runCompose, type StackConfig } from "../../docker/compose.ts";
import { type HandedImage, openHandOver, removeLeftNames } from "../../docker/hand-over.ts";
import {
  buildByCompose,
  type BuiltService,
  findServicesToBuild,
  openDockerPulls,
} from "../../docker/pull-and-build.ts";
import type { DownloadRequest } from "../../download/download.ts";
import { createImageReporter, type ImageReporter } from "../../run/state/images-state.ts";
import { formatBytes } from "../../run/units.ts";
import { sourceByRepo } from "../../source/source.ts";
import { parseImageReference } from "../../source/oci/reference.ts";
import { storeByRepo } from "../../store/by-repo.ts";
import { type ImageContent, itemsOf, type Survey, type SurveyedImage } from "../../store/store.ts";
import type { Work } from "../command-request.ts";
import { type FoundImages, type ImagesRequest, withFoundImages } from "./find-images.ts";
import { leftImage, type LeftImage, plannedLeft } from "./survey-images.ts";
import { placeFailureOf } from "../models-place.ts";

/** The images of a stack, which heros fetches beside its models, or has Docker pull where only Docker can. */
export interface StackImages {
  /** What is to be downloaded, in the place of the models alone. */
  addTo(request: ModelsDownload): ModelsDownload & Omit<Partial<DownloadRequest>, "host">;
  /** The download ended, however. */
  downloadEnded(): void;
  /** Some image that the stack waits for is not in Docker yet. */
  isNeeded(): boolean;
  /** Services that can start already are started meanwhile. @throws Failure `docker.disk_full` (exit 7); AbortError */
  needed(): Promise<void>;
  /** The stack's own container was started, or will not be before all is there: now the rest may take what the machine has. */
  coreStarted(): void;
  /** The rest of them, which the stack does not wait for. @throws as `needed` */
  later(): Promise<void>;
  /** Whether there is such a rest. */
  readonly hasLater: boolean;
  /** Waits for what is under way, of a run that is not cancelled; nothing is pulled any longer. */
  close(): Promise<void>;
}

type ModelsDownload = Pick<DownloadRequest, "source" | "store" | "survey">;

/** What a run does with the images that were found. */
export interface StackImagesRequest {
  /** Null: none are fetched. */
  readonly found: FoundImages | null;
  /** Of the models. */
  readonly survey: Survey;
  readonly stack: CoreOf;
  readonly stackDir: string;
  /** Services of the stack are started as soon as nothing is missing for them. */
  readonly starts: boolean;
}

/** @returns null where nothing is to be fetched. @throws AbortError */
export async function openStackImages(
  work: Work,
  request: StackImagesRequest,
): Promise<StackImages | null> {
  const { found, survey: models } = request;
  if (found === null) return null;
  const { store, hasEngine, request: asked } = found;
  const own = withFoundImages(models, found);
  const survey = asked.strict || (await havePlace(work, own, store)) ? own : models;
  // What has no place here is Docker's to pull.
  const displaced = survey === own ? [] : own.images.map(leftImage);
  const left = hasEngine ? [...displaced, ...found.left] : [];
  const builds = hasEngine && request.starts ? await findServicesToBuild(work, asked.config) : [];
  if ([survey.images, left, builds].every(({ length }) => length === 0)) return null;
  if (hasEngine) {
    await removeLeftNames(work.host, work.signal);
    // Docker unpacks one layer after the other, and the last is what everybody waits for. Where it shares its core, that is later.
    await work.host.processes.giveWay();
  }
  return handImages(work, { ...request, found, survey, left, builds });
}

async function havePlace(work: Work, survey: Survey, store: FoundImages["store"]) {
  if (survey.images.length === 0) return true;
  const obstacles = survey.images.map((image) => store.findObstacle(survey, image));
  const placed = await placeFailureOf(work, { ...survey, models: [] });
  return placed === null && (await Promise.all(obstacles)).every((each) => each === null);
}

/**
 * Waits until Docker has all images of a pull; where there is no Docker, they stay in the cache.
 * @returns the sentences of the closing page
 * @throws Failure of docker (1, 4, 5, 7); AbortError
 */
export async function finishPull(
  work: Work,
  {
    found,
    opened,
    fetchedBytes,
  }: {
    readonly found: FoundImages | null;
    readonly opened: StackImages | null;
    readonly fetchedBytes: number;
  },
): Promise<string[]> {
  if (found === null) return [];
  await Promise.all([opened?.needed(), opened?.later()]);
  const { surveyed, hasEngine, left, request } = found;
  const names = [...surveyed.images.map(({ title }) => title), ...left.map(({ image }) => image)];
  const count = new Set(names).size;
  const images = `${count} ${count === 1 ? "image" : "images"}`;
  const now = fetchedBytes === 0 ? "" : ` (${formatBytes(fetchedBytes)} downloaded now)`;
  if (count === 0) return ["The stack has no images to download."];
  if (hasEngine) return [`Docker has ${count === 1 ? "the image" : `all ${images}`}${now}.`];
  await requireNoEngine(work, { images, cacheDir: request.cacheDir });
  const later = "No Docker engine was found: heros setup gives them to Docker once there is one.";
  return [`Downloaded ${images} into ${request.cacheDir}${now}.`, later];
}

const answerLimitMs = 10_000;

/** Images without an engine are for later; one that is there was to have them. @throws Failure `docker.images_not_given` (4) */
async function requireNoEngine(
  { host, signal }: Work,
  kept: { readonly images: string; readonly cacheDir: string },
): Promise<void> {
  const probe = { host, signal, limitMs: answerLimitMs };
  const answer = await askDocker(probe);
  if (answer.state === "missing") return;
  throw failure("docker.images_not_given", { ...kept, why: await whyUnusable(probe, answer) });
}

async function whyUnusable(
  probe: Probe,
  answer: Exclude<DockerAnswer, { readonly state: "missing" }>,
): Promise<Failure | string> {
  switch (answer.state) {
    case "unusable": {
      const { error, place } = answer;
      const joined = error.kind === "denied" && (await inDockerGroup(probe));
      return engineProblem(error, place, { joined }).failure;
    }
    case "unclear":
      return `Docker can't be used: ${answer.reason}.`;
    case "late":
      return failure("docker.no_answer");
    case "running":
      return "Docker did not respond when the download began.";
  }
}

/** Of a survey with both. */
function handImages(
  work: Work,
  {
    found,
    survey,
    stack,
    stackDir,
    starts,
    left,
    builds,
  }: StackImagesRequest & {
    readonly found: FoundImages;
    readonly left: readonly LeftImage[];
    readonly builds: readonly BuiltService[];
  },
): StackImages {
  const { host, emit } = work;
  const stop = new AbortController();
  const signal = AbortSignal.any([work.signal, stop.signal]);
  const { store, registries, hasEngine, request } = found;
  const { config, keep } = request;
  const reporter = createImageReporter(emit);
  const order = new Set(itemsOf(survey).map(({ id }) => id));
  const images = [...order].flatMap((id) => survey.images.filter((image) => image.id === id));
  const started = Promise.withResolvers<void>();
  if (!starts) started.resolve();
  const contentOf = (name: string): ImageContent | null =>
    images.find(({ label }) => label.image === name)?.content ?? null;
  const handOver = openHandOver({
    host,
    emit,
    signal: work.signal,
    images: hasEngine ? images.flatMap((image) => handedImage(image, config)) : [],
    pathOf: store.pathOf,
    present: new Set(survey.blobs.flatMap(({ cached, path }) => (cached ? [path] : []))),
    reporter,
    laterAfter: started.promise,
    async onHanded({ name }) {
      const content = contentOf(name);
      if (content !== null && !keep) await store.removeImage(content, work.signal);
    },
  });
  const pulls = openDockerPulls({ host, emit, signal, reporter, stackDir, config });
  const all = [...images.map(leftImage), ...left];
  const needed = all.filter(({ label }) => label.neededForOnline);
  const later = all.filter(({ label }) => !label.neededForOnline);
  const startDir = starts ? stackDir : null;
  const awaited = neededBy(stack.service ?? "", config);
  const start = createEarlyStart(work, {
    stack,
    stackDir: startDir,
    config,
    lackingServices: [
      ...all.flatMap(({ services }) => services),
      ...builds.map(({ service }) => service),
    ],
    reporter,
  });
  const neededBuilds = builds.filter(({ service }) => awaited.has(service));
  const laterBuilds = builds.filter(({ service }) => !awaited.has(service));
  const waiting = new Set([...needed, ...neededBuilds].map(({ image }) => image));
  for (const image of left) {
    emit({ type: "image.planned", ...plannedLeft(image) });
    if (!image.label.neededForOnline) continue;
    reporter.pulls(image.image, image.totalBytes - image.cachedBytes, host.clock.monotonicMs());
  }

  /** Of an image that Docker did not take from heros: what was stored may have been damaged since. */
  async function clearRefused(name: string): Promise<void> {
    const content = contentOf(name);
    if (content === null) return;
    try {
      if (keep) await store.removeDamaged(name, signal);
      else await store.removeImage(content, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof Failure)) throw error;
      emit(warningOf(error));
    }
  }
  /** By heros, or, once `turn` comes, by Docker itself. */
  const fetched = (some: readonly LeftImage[], turn: Promise<unknown>): Promise<unknown> =>
    Promise.all(
      some.map(async (image) => {
        if (!(await handOver.handed(image.image))) {
          if (!hasEngine) return;
          await turn;
          await pulls.pull(image);
          await clearRefused(image.image);
        }
        waiting.delete(image.image);
        start.imageReady(image.services);
      }),
    );
  /** One after the other: each takes all of the machine that it gets. */
  const built = async (some: readonly BuiltService[], turn: Promise<unknown>): Promise<void> => {
    await turn;
    for (const each of some) {
      await buildByCompose({ host, emit, signal, stackDir, config }, each);
      waiting.delete(each.image);
      start.imageReady([each.service]);
    }
  };
  const now = Promise.resolve();
  const neededFetched = Promise.all([fetched(needed, now), built(neededBuilds, now)]);
  const turn = Promise.all([neededFetched, started.promise]);
  const laterFetched = Promise.all([fetched(later, turn), built(laterBuilds, turn)]);
  for (const each of [neededFetched, laterFetched]) each.catch(() => {});

  return {
    addTo: (download) =>
      survey.images.length === 0
        ? { ...download, imageReporter: reporter }
        : {
            ...download,
            survey,
            source: sourceByRepo({ hub: download.source, oci: registries }),
            store: storeByRepo({ hub: download.store, oci: store }),
            imageReporter: reporter,
            onLayerVerified: ({ path }) => handOver.partVerified(path),
            onImageVerified: ({ label }) => handOver.imageVerified(label.image),
          },
    downloadEnded: handOver.downloadEnded,
    isNeeded: () => waiting.size > 0,
    async needed() {
      await neededFetched;
      await start.idle();
    },
    coreStarted: started.resolve,
    async later() {
      await laterFetched;
    },
    hasLater: later.length + laterBuilds.length > 0,
    async close() {
      stop.abort();
      started.resolve();
      await handOver.close();
      await Promise.allSettled([neededFetched, laterFetched]);
    },
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
      neededForOnline: label.neededForOnline,
      engineId,
      fullName: `${registry}/${repository}:${tag ?? "latest"}`,
      coming: new Set(snapshots.flatMap(({ files }) => files.map(({ path }) => path))),
      platform: config.services[service]?.platform ?? null,
    },
  ];
}

/** Starts services that the stack waits for as soon as nothing is missing for them, one command after the other. */
function createEarlyStart(
  { host, emit, signal }: Work,
  {
    stack,
    stackDir,
    config,
    lackingServices,
    reporter,
  }: Pick<ImagesRequest, "config"> & {
    readonly stack: CoreOf;
    readonly stackDir: string | null;
    /** Services whose images are not there yet. */
    readonly lackingServices: readonly string[];
    readonly reporter: ImageReporter;
  },
) {
  const lacking = new Set(lackingServices);
  const warmups = new Set(stack.services.flatMap(({ warmup }) => warmup?.name ?? []));
  const wanted = [...neededBy(stack.service ?? "", config)].filter(
    (name) => name !== stack.service,
  );
  /** The warm-up would fetch what is still on its way. */
  const mustWait = (name: string) => warmups.has(name) || lacking.has(name);
  const started = new Set<string>();
  let last: Promise<unknown> = Promise.resolve();

  async function startReady(): Promise<void> {
    const services = wanted.filter(
      (name) => !started.has(name) && ![...neededBy(name, config)].some(mustWait),
    );
    if (services.length === 0 || signal.aborted || stackDir === null) return;
    for (const service of services) started.add(service);
    emit({ type: "stack.command", command: ["docker compose up -d", ...services].join(" ") });
    // What goes wrong here does so again when all of the stack is started, and is told then.
    const beganMs = host.clock.monotonicMs();
    await runCompose({ host, stackDir, signal, args: ["up", "-d", ...services] });
    reporter.started(host.clock.monotonicMs() - beganMs);
  }
  return {
    imageReady(services: readonly string[]) {
      for (const service of services) lacking.delete(service);
      last = last.then(startReady).catch(() => {});
    },
    idle: () => last,
  };
}
