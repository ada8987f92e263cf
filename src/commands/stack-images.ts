import { annieServiceName } from "../deploy/compose/annie-service.ts";
import { neededBy, runCompose, type StackConfig } from "../docker/compose.ts";
import { composeFailure } from "../docker/compose-failures.ts";
import { findEngineImage } from "../docker/engine-images.ts";
import { type HandedImage, openHandOver, removeLeftNames } from "../docker/hand-over.ts";
import type { DownloadRequest } from "../download/download.ts";
import { createImageReporter, type ImageReporter } from "../run/images-state.ts";
import { formatBytes } from "../run/units.ts";
import { sourceByRepo } from "../source/source.ts";
import { parseImageReference } from "../source/oci/reference.ts";
import { storeByRepo } from "../store/by-repo.ts";
import { itemsOf, type Survey, type SurveyedImage } from "../store/store.ts";
import type { Work } from "./command-request.ts";
import { type FoundImages, type ImagesRequest, withFoundImages } from "./find-images.ts";
import { placeFailureOf } from "./models-place.ts";

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
  /** Names of those that Docker did not take, once it was asked: it has to pull them itself. */
  untaken(): readonly string[];
  close(): Promise<void>;
}

type ModelsDownload = Pick<DownloadRequest, "source" | "store" | "survey">;

/** What a run does with the images that were found. */
export interface StackImagesRequest {
  /** Null: none are fetched. */
  readonly found: FoundImages | null;
  /** Of the models. */
  readonly survey: Survey;
  /** Services of the stack there are started as soon as nothing is missing for them; null: none is. */
  readonly stackDir: string | null;
}

/** @returns null where nothing is to be fetched, or its layers have no place. @throws AbortError */
export async function openStackImages(
  work: Work,
  { found, survey: models, stackDir }: StackImagesRequest,
): Promise<StackImages | null> {
  if (found === null) return null;
  const { store, hasEngine, request } = found;
  const survey = withFoundImages(models, found);
  if (survey.images.length === 0) return null;
  if (!request.strict) {
    const obstacles = survey.images.map((image) => store.findObstacle(survey, image));
    const placed = await placeFailureOf(work, { ...survey, models: [] });
    if (placed !== null || (await Promise.all(obstacles)).some((each) => each !== null))
      return null;
  }
  if (hasEngine) await removeLeftNames(work.host, work.signal);
  return handImages(work, { found, survey, stackDir });
}

/**
 * Waits until Docker has all images of a pull, and has it pull what heros can't give it.
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
  const untaken = surveyed.images.filter(({ title }) => opened?.untaken().includes(title));
  const names = [...left.map(({ name }) => name), ...untaken.map(({ title }) => title)];
  if (hasEngine) for (const name of new Set(names)) await pullByDocker(work, found, name);
  const count = new Set([...surveyed.images.map(({ title }) => title), ...names]).size;
  const images = `${count} ${count === 1 ? "image" : "images"}`;
  const now = fetchedBytes === 0 ? "" : ` (${formatBytes(fetchedBytes)} downloaded now)`;
  if (hasEngine) return [`Docker has all ${images}${now}.`];
  return [
    `Downloaded ${images} into ${request.cacheDir}${now}.`,
    "No Docker engine was found: heros setup gives them to Docker once there is one.",
  ];
}

async function pullByDocker({ host, emit, signal }: Work, found: FoundImages, image: string) {
  const { config } = found.request;
  const of = Object.entries(config.services).find(([, service]) => service.image === image);
  const platform = of?.[1].platform;
  const args = ["pull", ...(platform === undefined ? [] : ["--platform", platform]), image];
  emit({ type: "stack.command", command: `docker ${args.join(" ")}` });
  const result = await host.processes.run({ command: "docker", args, signal });
  if (result.exitCode !== 0) throw composeFailure({ ...result, stackDir: host.cwd, config });
  const digest = (await findEngineImage({ host, signal }, image))?.namesByDigest[0]?.split("@")[1];
  emit({ type: "image.ready", image, digest: digest ?? "" });
}

/** Of a survey with both. */
function handImages(
  work: Work,
  { found, survey, stackDir }: StackImagesRequest & { readonly found: FoundImages },
): StackImages {
  const { host, emit, signal } = work;
  const { store, registries, hasEngine, request } = found;
  const { config, keep } = request;
  const reporter = createImageReporter(emit);
  const order = new Set(itemsOf(survey).map(({ id }) => id));
  const images = [...order].flatMap((id) => survey.images.filter((image) => image.id === id));
  const handOver = openHandOver({
    host,
    emit,
    signal,
    images: hasEngine ? images.flatMap((image) => handedImage(image, config)) : [],
    pathOf: store.pathOf,
    present: new Set(survey.blobs.flatMap(({ cached, path }) => (cached ? [path] : []))),
    reporter,
    async onHanded({ name }) {
      const content = images.find(({ label }) => label.image === name)?.content ?? null;
      if (content !== null && !keep) await store.removeImage(content, signal);
    },
  });
  const start = createEarlyStart(work, { stackDir, config, images, reporter });
  const waiting = new Set<string>();
  const untaken = new Set<string>();
  const handed = (some: readonly SurveyedImage[]): Promise<unknown> =>
    Promise.all(
      some.map(async ({ label: { image, services } }) => {
        const isThere = await handOver.handed(image);
        waiting.delete(image);
        if (isThere) start.imageReady(services);
        else untaken.add(image);
      }),
    );
  const needed = images.filter(({ label }) => label.neededForOnline);
  const later = images.filter(({ label }) => !label.neededForOnline);
  for (const { label } of needed) waiting.add(label.image);
  const neededHanded = handed(needed);
  const laterHanded = handed(later);
  for (const each of [neededHanded, laterHanded]) each.catch(() => {});

  return {
    addTo: (download) => ({
      ...download,
      survey,
      source: sourceByRepo({ hub: download.source, images: registries }),
      store: storeByRepo({ hub: download.store, images: store }),
      imageReporter: reporter,
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
    untaken: () => [...untaken],
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
      neededForOnline: label.neededForOnline,
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
  {
    stackDir,
    config,
    images,
    reporter,
  }: Pick<StackImagesRequest, "stackDir"> &
    Pick<ImagesRequest, "config"> & {
      readonly images: readonly SurveyedImage[];
      readonly reporter: ImageReporter;
    },
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
