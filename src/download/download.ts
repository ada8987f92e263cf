import type { Host } from "../host/host.ts";
import { sideBySide } from "../run/concurrency.ts";
import type { Emit } from "../run/event.ts";
import { warningOf } from "../run/events/run.ts";
import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { isImageRepo } from "../run/repos/file-listing.ts";
import { createImageReporter, type ImageReporter } from "../run/state/images-state.ts";
import { createPauseSwitch, type PauseSwitch } from "../run/run-control.ts";
import type { Source } from "../source/source.ts";
import {
  itemsOf,
  requireSpace,
  type Store,
  type Survey,
  type SurveyedBlob,
  type SurveyedImage,
  type SurveyedItem,
  surveyOf,
} from "../store/store.ts";
import { createDiskSpeed, createRateCap } from "./bandwidth.ts";
import { createOutage, createTask, type Outage, type BlobTask } from "./blob-task.ts";
import { createProgress } from "./progress.ts";
import { type Tuning, usualTuning } from "./tuning.ts";
import type { WantedAt } from "./schedule.ts";
import { type Connection, ConnectionReassigned } from "./connection.ts";

export interface DownloadRequest {
  readonly host: Pick<Host, "clock" | "random">;
  readonly source: Source;
  /** Closed at the end. */
  readonly store: Store;
  readonly survey: Survey;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly limitBytesPerSecond?: number | null;
  readonly maxConnections?: number | null;
  /** Turned while it runs; left out, nobody pauses. */
  readonly pause?: PauseSwitch | undefined;
  /** The download is paused, and nothing is asked of the source until it goes on. */
  readonly onPaused?: () => void;
  /** A model is whole and has its name in the store. */
  readonly onModelReady?: (id: string) => void;
  /** A layer, or an image's configuration, is verified and in the store. */
  readonly onLayerVerified?: (blob: SurveyedBlob) => void;
  /** All of an image is in the store. Docker may not have it yet. */
  readonly onImageVerified?: (image: SurveyedImage) => void;
  /** Tells how far images are; shared with whoever unpacks them, so that there are not more than five a second. */
  readonly imageReporter?: ImageReporter;
  /** Which byte of a content somebody waits for; left out, all come in order. */
  readonly wantedAt?: WantedAt;
  readonly tuning?: Partial<Tuning>;
}

export interface DownloadResult {
  /** Of the models, over the network, the bytes fetched twice included. */
  readonly fetchedBytes: number;
  /** Of the images. */
  readonly fetchedImageBytes: number;
  readonly elapsedMs: number;
}

/**
 * Brings the survey's models and images into the store, the lowest priority number first, and tells `model.ready` of each
 * model as it is complete. Where nothing is missing, no request is made and no thread or child started. A file that fails for good does not
 * stop the others of its priority and of lower ones, nor does an item whose folders can't be written to; the first such
 * failure is thrown at the end.
 * @throws Failure (exit 5 network, 6 hash, 7 disk, 1 cache not writable, 2 gated), AbortError; what came so far stays and is gone on with
 */
export async function download(request: DownloadRequest): Promise<DownloadResult> {
  const { host, source, store, emit, signal } = request;
  const startMs = host.clock.monotonicMs();
  signal.throwIfAborted();
  const { survey, blocked } = await leaveOutBlocked(store, request.survey);
  const items = itemsOf(survey);
  if (items.length > 0) tellBlocked(emit, blocked);
  const problem = items.find((item) => item.problem !== null)?.problem ?? null;
  if (problem !== null) throw problem;
  const { files, totalBytes, cachedBytes, resumedBytes, freeBytes } = survey;
  const missing = survey.blobs.filter(({ cached }) => !cached);
  if (source.offline) requireNothing(missing);
  requireSpace(await store.neededSpace(survey));
  if (survey.models.length > 0 || (survey.images.length === 0 && blocked.length === 0)) {
    emit({ type: "download.planned", files, totalBytes, cachedBytes, resumedBytes, freeBytes });
  }
  for (const image of survey.images) tellPlanned(emit, image);
  try {
    const { fetchedBytes, fetchedImageBytes } = await bring(
      { ...request, survey },
      missing,
      startMs,
    );
    const elapsedMs = Math.round(host.clock.monotonicMs() - startMs);
    const [first] = blocked;
    if (first !== undefined) throw first.failure;
    const all = fetchedBytes + fetchedImageBytes;
    emit({ type: "download.finished", fetchedBytes: all, elapsedMs });
    return { fetchedBytes, fetchedImageBytes, elapsedMs };
  } catch (error) {
    signal.throwIfAborted();
    throw store.failureOf(error);
  }
}

function tellPlanned(
  emit: Emit,
  { label, totalBytes, cachedBytes, resumedBytes }: SurveyedImage,
): void {
  const heldBytes = cachedBytes + resumedBytes;
  emit({ type: "image.planned", ...label, totalBytes, cachedBytes: heldBytes });
}

interface Blocked {
  readonly item: SurveyedItem;
  readonly failure: Failure;
}

/** Finds out before the first byte which items can't get their files: they alone are left out. */
async function leaveOutBlocked(
  store: Store,
  survey: Survey,
): Promise<{ readonly survey: Survey; readonly blocked: readonly Blocked[] }> {
  const looked = await Promise.all(
    itemsOf(survey).map(async (item) => ({
      item,
      obstacle: await store.findObstacle(survey, item),
    })),
  );
  const blocked = looked.flatMap(({ item, obstacle }) =>
    obstacle === null ? [] : [{ item, failure: obstacle }],
  );
  if (blocked.length === 0) return { survey, blocked };
  const open = looked.flatMap(({ item, obstacle }) => (obstacle === null ? [item] : []));
  return { survey: surveyOf(survey, open), blocked };
}

function tellBlocked(emit: Emit, blocked: readonly Blocked[]): void {
  for (const { item, failure: why } of blocked) {
    emit({ ...warningOf(why), message: `${item.title} is skipped. ${why.message}` });
  }
}

/** @throws Failure `hub.offline` that names files */
function requireNothing(missing: readonly SurveyedBlob[]): void {
  if (missing.length === 0) return;
  const named = missing.slice(0, 3).map(({ repo, path }) => `${path} of ${repo}`);
  const more = missing.length > 3 ? [`${missing.length - 3} more files`] : [];
  throw failure("hub.offline", { missing: [...named, ...more].join(", ") });
}

async function bring(
  request: DownloadRequest,
  missing: readonly SurveyedBlob[],
  startMs: number,
): Promise<Pick<DownloadResult, "fetchedBytes" | "fetchedImageBytes">> {
  const { host, source, store, survey, emit, signal } = request;
  const tuning = { ...usualTuning, ...request.tuning };
  await store.prepare(missing, survey);
  const outages = new Map<string, Outage>();
  const tasks = inOrder(survey, missing).map((blob) => {
    const server = source.serverOf?.(blob.repo) ?? "";
    const outage = outages.get(server) ?? createOutage();
    outages.set(server, outage);
    return createTask(blob, tuning.smallBytes, outage);
  });
  const pause = request.pause ?? createPauseSwitch();
  const disk = createDiskSpeed();
  const progress = createProgress({
    survey,
    tasks,
    disk,
    emit,
    nowMs: startMs,
    imageReporter: request.imageReporter ?? createImageReporter(emit),
    everyMs: tuning.progressMs,
    isPaused: () => pause.isPaused(),
  });
  const tellAll = (): void => progress.tell(0, host.clock.monotonicMs());
  const pausing = createPause({ pause, tasks, emit, tellAll, onPaused: request.onPaused });
  const { isReady } = progress;
  const publishing = createPublishing({ ...request, lockRetryMs: tuning.lockRetryMs, isReady });
  try {
    if (tasks.length > 0) await store.requireNames();
    await publishing.publishReady();
    if (tasks.length > 0) await fetchAll();
    await publishing.publishAll();
  } finally {
    tellAll();
    await store.tidy(survey.blobs);
    await store.close();
  }
  const fetched = (ofImages: boolean): number =>
    tasks.reduce(
      (sum, { blob, fetchedBytes }) =>
        sum + (isImageRepo(blob.repo) === ofImages ? fetchedBytes : 0),
      0,
    );
  return { fetchedBytes: fetched(false), fetchedImageBytes: fetched(true) };

  async function fetchAll(): Promise<void> {
    // The engine itself is loaded where it has something to do.
    const { runPool } = await import("./pool.ts");
    await store.migrate(
      survey.blobs.filter((blob) => !blob.neededBy.some(isReady)),
      signal,
    );
    await requireAccess(source, missing, signal);
    await runPool({
      host,
      source,
      store,
      tasks,
      tuning,
      disk,
      emit,
      signal,
      maxConnections: Math.max(1, Math.min(request.maxConnections ?? tuning.maxConnections, 256)),
      rateCap:
        typeof request.limitBytesPerSecond === "number"
          ? createRateCap(request.limitBytesPerSecond)
          : null,
      isPaused: () => pause.isPaused(),
      wantedAt: request.wantedAt,
      onTick(connections, nowMs) {
        pausing.tick(connections);
        progress.tick(connections.size, nowMs);
      },
      async onDone({ blob }, verified) {
        const { repo, path, sizeBytes: bytes } = blob;
        if (isImageRepo(repo)) request.onLayerVerified?.(blob);
        else if (verified !== null) emit({ type: "file.verified", repo, path, ...verified, bytes });
        await publishing.publishReady();
      },
    });
  }
}

/**
 * By priority, then item by item. Of a model the largest file first: its tail then hides behind the small ones. Of an image the
 * layers as they come: the lowest is unpacked first.
 */
function inOrder(survey: Survey, missing: readonly SurveyedBlob[]): SurveyedBlob[] {
  const place = new Map(itemsOf(survey).map(({ id }, index) => [id, index]));
  const rank = ({ neededBy }: SurveyedBlob): number =>
    Math.min(...neededBy.map((id) => place.get(id) ?? Number.MAX_SAFE_INTEGER));
  const weight = ({ repo, sizeBytes }: SurveyedBlob): number => (isImageRepo(repo) ? 0 : sizeBytes);
  return missing.toSorted(
    (a, b) => a.priority - b.priority || rank(a) - rank(b) || weight(b) - weight(a),
  );
}

/** Every repository that something is missing of, before the first byte: a gated one that comes last must not be found out hours later. */
async function requireAccess(
  source: Source,
  missing: readonly SurveyedBlob[],
  signal: AbortSignal,
): Promise<void> {
  const firsts = new Map(missing.toReversed().map((blob) => [blob.repo, blob]));
  await sideBySide([...firsts.values()], 8, signal, ({ repo, commit, path }, either) =>
    source.requireAccess(repo, commit, path, either),
  );
}

interface PublishingRequest extends Pick<
  DownloadRequest,
  "store" | "survey" | "emit" | "signal" | "onModelReady" | "onImageVerified"
> {
  readonly lockRetryMs: number;
  /** All blobs of the item are there. */
  readonly isReady: (id: string) => boolean;
}

interface Publishing {
  /** Publishes the items that are whole, and tells of each; one that can't be published keeps no other from it. @throws the first error */
  publishReady(): Promise<void>;
  /** At the end. @throws the first error, and where an item was not whole */
  publishAll(): Promise<void>;
}

/**
 * Each item of the survey is published once, models one after the other and images beside them: what becomes of those may wait
 * for another heros, and for a disk that Docker unpacks to.
 */
function createPublishing(request: PublishingRequest): Publishing {
  const { store, survey, emit, signal, lockRetryMs, isReady, onModelReady } = request;
  const items = itemsOf(survey);
  const published = new Map<string, Promise<void>>();
  const last = { image: Promise.resolve<unknown>(null), model: Promise.resolve<unknown>(null) };
  const isImage = ({ id }: SurveyedItem): boolean => survey.images.some((each) => each.id === id);

  async function publish(item: SurveyedItem): Promise<void> {
    const { id, title, snapshots } = item;
    await store.publish({ survey, item, lockRetryMs, signal });
    const image = survey.images.find((each) => each.id === id);
    if (image !== undefined) {
      request.onImageVerified?.(image);
      return;
    }
    const [first] = snapshots;
    if (first === undefined) return;
    const { repo, commit: revision, path } = first;
    emit({ type: "model.ready", id, title, repo, revision, path });
    onModelReady?.(id);
  }

  async function publishReady(): Promise<void> {
    for (const item of items.filter(({ id }) => isReady(id))) {
      if (published.has(item.id)) continue;
      const kind = isImage(item) ? "image" : "model";
      const done = last[kind].then(() => publish(item));
      published.set(item.id, done);
      last[kind] = done.catch(() => {});
    }
    const ends = await Promise.allSettled(published.values());
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  return {
    publishReady,
    async publishAll() {
      await publishReady();
      const left = items.find(({ id }) => !published.has(id));
      if (left !== undefined) throw new Error(`${left.id} was not published`);
    },
  };
}

export interface Pause {
  /** @throws what the disk refused */
  tick(connections: ReadonlySet<Connection>): void;
}

/**
 * Pauses the download while its switch says so. Connections of large files are let go, and what they received is written; a
 * small file, which is in memory alone, comes to its end. `download.paused` is told once no connection is left and all that
 * came is synced and journaled.
 */
export function createPause({
  pause,
  tasks,
  emit,
  tellAll,
  onPaused,
}: {
  readonly pause: PauseSwitch;
  readonly tasks: readonly BlobTask[];
  readonly emit: Emit;
  /** Tells how far everything is. */
  readonly tellAll: () => void;
  /** Right before `download.paused` is told. */
  readonly onPaused?: (() => void) | undefined;
}): Pause {
  let state: "going" | "stopping" | "paused" = "going";
  let refused: { readonly error: unknown } | null = null;

  async function makeSafe(): Promise<void> {
    await Promise.all(tasks.map(async ({ open }) => open?.partial.sync()));
    if (state !== "stopping") return;
    state = "paused";
    tellAll();
    onPaused?.();
    emit({ type: "download.paused" });
  }

  function resume(): void {
    if (state === "paused") emit({ type: "download.resumed" });
    state = "going";
    // Nobody tried meanwhile: that time is no fault of the network's.
    for (const task of tasks) task.failingSinceMs = null;
  }

  return {
    tick(connections) {
      if (refused !== null) throw refused.error;
      if (!pause.isPaused()) {
        if (state !== "going") resume();
        return;
      }
      for (const connection of connections) {
        if (!connection.task.small && !connection.stop.signal.aborted)
          connection.stop.abort(new ConnectionReassigned("paused"));
      }
      if (state !== "going" || connections.size > 0) return;
      state = "stopping";
      makeSafe().catch((error: unknown) => {
        refused = { error };
      });
    },
  };
}
