import type { Host } from "../host/host.ts";
import type { Hub } from "../source/hub/hub.ts";
import type { Emit } from "../run/event.ts";
import { createPauseSwitch, type PauseSwitch } from "../run/pause-switch.ts";
import { createTask } from "./blob.ts";
import { failureOfFiles, requireDiskSpace } from "../store/disk-space.ts";
import type { Hashing } from "../store/hashing.ts";
import { requireNothing } from "../store/hub-cache/offline.ts";
import { tellMovedBranches } from "./moved-branch.ts";
import { openCache } from "../store/hub-cache/open.ts";
import { requireRoomElsewhere } from "./room.ts";
import { createPublishing } from "../store/hub-cache/publish.ts";
import { createRateCap } from "./bandwidth.ts";
import { createPause } from "./pause.ts";
import { sideBySide } from "../run/concurrency.ts";
import { tidyStaging } from "../store/hub-cache/staging.ts";
import type { Survey, SurveyedBlob } from "./survey.ts";
import { type Blocked, leaveOutBlocked } from "./blocked.ts";
import { createProgress } from "./progress.ts";
import { tryLinks } from "../store/hub-cache/try-links.ts";
import { type Tuning, usualTuning } from "./tuning.ts";
import { readBootId } from "../host/process-table.ts";

export interface DownloadRequest {
  readonly host: Pick<Host, "files" | "fileLocks" | "system" | "clock" | "random" | "pid">;
  readonly hub: Hub;
  readonly survey: Survey;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly limitBytesPerSecond?: number | null;
  readonly maxLanes?: number | null;
  /** Turned while it runs; left out, nobody pauses. */
  readonly pause?: PauseSwitch | undefined;
  /** The download rests, and nothing is asked of the Hub until it goes on. */
  readonly onPaused?: () => void;
  /** A model is whole and has its name in the cache. */
  readonly onModelReady?: (id: string) => void;
  readonly tuning?: Partial<Tuning>;
  /** A thread that several downloads share; its owner ends it. Left out, the download has its own. */
  readonly hashing?: Hashing;
}

export interface DownloadResult {
  /** Over the network, the bytes fetched twice included. */
  readonly fetchedBytes: number;
  readonly elapsedMs: number;
}

/**
 * Brings the survey's models into the cache, the lowest tier first, and tells `model.ready` of each as it is complete.
 * Where nothing is missing, no request is made and no thread or child started. A file that fails for good does not stop the
 * others of its tier and of lower ones, nor does a model whose folders in the cache can't be written to; the first such
 * failure is thrown at the end.
 * @throws Failure (exit 5 network, 6 hash, 7 disk, 1 cache not writable, 2 gated), AbortError; what came so far stays and is gone on with
 */
export async function downloadModels(request: DownloadRequest): Promise<DownloadResult> {
  const { host, emit, signal } = request;
  const startMs = host.clock.monotonicMs();
  signal.throwIfAborted();
  const { survey, blocked } = await leaveOutBlocked(host, request.survey);
  if (survey.models.length > 0) tellBlocked(emit, blocked);
  const problem = survey.models.find((model) => model.problem !== null)?.problem ?? null;
  if (problem !== null) throw problem;
  const { files, totalBytes, cachedBytes, resumedBytes, freeBytes } = survey;
  const missing = survey.blobs.filter(({ cached }) => !cached);
  if (request.hub.offline) requireNothing(missing);
  requireDiskSpace(survey);
  await requireRoomElsewhere(host.files, survey);
  emit({ type: "download.planned", files, totalBytes, cachedBytes, resumedBytes, freeBytes });
  try {
    const fetchedBytes = await bring({ ...request, survey }, missing, startMs);
    const elapsedMs = Math.round(host.clock.monotonicMs() - startMs);
    const [first] = blocked;
    if (first !== undefined) throw first.failure;
    emit({ type: "download.finished", fetchedBytes, elapsedMs });
    return { fetchedBytes, elapsedMs };
  } catch (error) {
    signal.throwIfAborted();
    throw failureOfFiles(error, survey.cacheDir);
  }
}

function tellBlocked(emit: Emit, blocked: readonly Blocked[]): void {
  for (const { model, failure } of blocked) {
    const { code, message, hint } = failure;
    const told = `${model.title} is left out. ${message}`;
    emit({ type: "notice", level: "warning", code, message: told, hint });
  }
}

async function bring(
  request: DownloadRequest,
  missing: readonly SurveyedBlob[],
  startMs: number,
): Promise<number> {
  const { host, survey, emit, signal } = request;
  const hub = tellMovedBranches(request.hub, survey);
  const tuning = { ...usualTuning, ...request.tuning };
  const places = await openCache(host.files, survey.cacheDir, missing);
  const tasks = inOrder(survey, missing).flatMap((blob) => {
    const own = places.get(blob.repo);
    return own === undefined ? [] : [createTask(own, blob, tuning.smallBytes)];
  });
  const pause = request.pause ?? createPauseSwitch();
  const telling = createProgress({
    survey,
    tasks,
    emit,
    nowMs: startMs,
    everyMs: tuning.progressMs,
    isResting: () => pause.isPaused(),
  });
  const tellAll = (): void => telling.tell(0, host.clock.monotonicMs());
  const rest = createPause({ pause, tasks, emit, tellAll, onPaused: request.onPaused });
  const { isReady } = telling;
  const { lockRetryMs } = tuning;
  const publishing = createPublishing({
    host,
    survey,
    emit,
    signal,
    lockRetryMs,
    isReady,
    onModelReady: request.onModelReady,
  });
  try {
    if (tasks.length > 0) await tryLinks(host, survey.cacheDir);
    await publishing.publishReady();
    if (tasks.length > 0) await fetchAll();
    await publishing.publishAll();
  } finally {
    tellAll();
    await tidyStaging(host.files, survey);
    host.fileLocks.close();
  }
  return tasks.reduce((sum, { fetchedBytes }) => sum + fetchedBytes, 0);

  async function fetchAll(): Promise<void> {
    // The engine itself is loaded where it has something to do.
    const [{ runPool }, { createHashing }, { takeOver }] = await Promise.all([
      import("./pool.ts"),
      import("../store/hashing.ts"),
      import("../store/hub-cache/take-over.ts"),
    ]);
    const bootId = await readBootId(host.files);
    for (const [repo, own] of places) {
      const blobs = survey.blobs.filter((blob) => blob.repo === repo && !blob.models.some(isReady));
      await takeOver({ host, places: own, blobs, bootId, signal });
    }
    await requireAccess(hub, missing, signal);
    const hashing = request.hashing ?? createHashing();
    try {
      await runPool({
        host,
        hub,
        tasks,
        tuning,
        emit,
        signal,
        hashing,
        cacheDir: survey.cacheDir,
        mostLanes: Math.max(1, Math.min(request.maxLanes ?? tuning.mostLanes, 256)),
        rateCap:
          typeof request.limitBytesPerSecond === "number"
            ? createRateCap(request.limitBytesPerSecond)
            : null,
        bootId,
        isResting: () => pause.isPaused(),
        onTick(lanes, nowMs) {
          rest.tick(lanes);
          telling.tick(lanes.size, nowMs);
        },
        async onDone({ blob }, checked) {
          const { repo, path, sizeBytes: bytes } = blob;
          if (checked !== null) emit({ type: "file.verified", repo, path, ...checked, bytes });
          await publishing.publishReady();
        },
      });
    } finally {
      if (request.hashing === undefined) await hashing.close();
    }
  }
}

/** By tier, then model by model, in each the largest first: its tail then hides behind the small ones. */
function inOrder(survey: Survey, missing: readonly SurveyedBlob[]): SurveyedBlob[] {
  const place = new Map(survey.models.map(({ id }, index) => [id, index]));
  const rank = ({ models }: SurveyedBlob): number =>
    Math.min(...models.map((id) => place.get(id) ?? Number.MAX_SAFE_INTEGER));
  return missing.toSorted(
    (a, b) => a.tier - b.tier || rank(a) - rank(b) || b.sizeBytes - a.sizeBytes,
  );
}

/** Every repository that something is missing of, before the first byte: a gated one of the last tier must not be found out hours later. */
async function requireAccess(
  hub: Hub,
  missing: readonly SurveyedBlob[],
  signal: AbortSignal,
): Promise<void> {
  const firsts = new Map(missing.toReversed().map((blob) => [blob.repo, blob]));
  await sideBySide([...firsts.values()], 8, signal, ({ repo, commit, path }, either) =>
    hub.requireAccess(repo, commit, path, either),
  );
}
