import { assistantOf } from "../../run/assistant.ts";
import type { TimedEvent } from "../../run/event.ts";
import type {
  DownloadEvent,
  DownloadProgress,
  DownloadRetrying,
  ImageEvent,
} from "../../run/events/download.ts";
import type { Note } from "../../run/state/download-state.ts";
import { schemeOf } from "../../run/repos/file-listing.ts";
import { calledFile } from "../../run/repos/ollama.ts";
import { bytesOfAll, type ImageNow } from "../../run/state/images-state.ts";
import type { RunState } from "../../run/state/state.ts";
import {
  formatBytes,
  formatDuration,
  formatEta,
  formatSpeed,
  formatBytesOf,
} from "../../run/units.ts";
import { counted, say, tookText, type Sentence } from "./sentence.ts";

type DownloadSaid = Exclude<DownloadEvent, { type: "download.progress" }>;

export function downloadSentence(event: DownloadSaid, state: RunState): Sentence {
  switch (event.type) {
    case "download.planned":
      return say(`${plannedWhat(state)}${plannedWords(event)}`);
    case "download.retrying":
      return say(`${fileName(event, state)}: ${reasonWords(event)}. ${againWords(event)}`, {
        tone: "warning",
        // Nothing waits where one of many connections does.
        from: event.scope === "lane" ? "verbose" : "normal",
      });
    case "download.blocked":
      return say(...blockedWords(event, state));
    case "download.paused":
      return say(pausedWords(state));
    case "download.resumed":
      return say("Download resumed.");
    case "file.started":
      return say(
        event.resumedBytes > 0
          ? `Resuming ${fileName(event, state)} at ${formatBytes(event.resumedBytes)} of ${formatBytes(event.totalBytes)}.`
          : `Downloading ${fileName(event, state)}, ${formatBytes(event.totalBytes)}.`,
        { from: "verbose" },
      );
    case "file.verified":
      return say(`Verified ${fileName(event, state)}, ${formatBytes(event.bytes)}.`, {
        from: "verbose",
      });
    case "model.ready":
      return say(`${event.title ?? modelTitle(event.id, state)}: downloaded and verified.`, {
        tone: "good",
        mark: "ok",
        // That all were cached was told in one line.
        from: isAllCached(state) ? "verbose" : "normal",
      });
    case "download.finished":
      return say(
        event.fetchedBytes === 0
          ? `${allReadyText(state)}; nothing to download.`
          : `${allReadyText(state)}. ${cameWords(event, state)}`,
        { tone: "good" },
      );
  }
}

/** A line a model; its other files only where all is told. */
function blockedWords(
  event: Extract<DownloadEvent, { type: "download.blocked" }>,
  state: RunState,
): Parameters<typeof say> {
  const { model, image, path, holder, repo } = event;
  const owner = image === undefined ? repo : imageTitle(image, state.images);
  const what = model === undefined ? owner : modelTitle(model, state);
  const who = `${holderWords(holder)} is downloading it.`;
  const isFirst = state.download.blocked[model ?? image ?? repo]?.path === path;
  return isFirst
    ? [`Waiting for ${what}: ${who}`]
    : [`Waiting for ${fileName(event, state)}: ${who}`, { from: "verbose" }];
}

function isAllCached({ download: { planned } }: RunState): boolean {
  return planned !== null && planned.files > 0 && planned.cachedBytes >= planned.totalBytes;
}

function pausedWords(state: RunState): string {
  const { receivedBytes, totalBytes } = bytesOfAll(state);
  const paused = `Download paused at ${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}.`;
  return [paused, notPausedText(state)].join(" ").trimEnd();
}

/** A pause holds what heros downloads alone. What Docker downloads meanwhile; empty where it downloads nothing. */
export function notPausedText({ containers, images: rows }: RunState): string {
  const told = new Set(rows.flatMap(({ services }) => services));
  const pulled = rows.filter(({ way, phase }) => way === "pull" && phase === "downloading");
  const images = [
    ...pulled.map(({ image }) => imageTitle(image, rows)),
    ...Object.values(containers).flatMap(({ state, service }) =>
      state === "pulling" && !told.has(service) ? [service] : [],
    ),
  ];
  return images.length === 0 ? "" : `Docker keeps downloading images (${images.join(", ")}).`;
}

/** "1.20 GB of 4.31 GB (28%), 38.2 MB/s, about 1 min 20 s left". */
export function progressText(
  download: TimesLeft &
    Pick<DownloadProgress, "receivedBytes" | "totalBytes"> & {
      /** Null where nothing is downloaded any more. */
      readonly bytesPerSecond: number | null;
    },
): string {
  const { receivedBytes, totalBytes, bytesPerSecond } = download;
  const share = `${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)} (${percentOf(receivedBytes, totalBytes)}%)`;
  if (receivedBytes >= totalBytes) return share;
  const left = timesText(download, "about ");
  const speed = bytesPerSecond === null ? [] : [formatSpeed(bytesPerSecond)];
  return [share, ...speed, ...(left === null ? [] : [left])].join(", ");
}

/** What a line on the progress tells: of the images too, and when the stack is online where a run brings it there. */
export function progressOf(state: RunState): Parameters<typeof progressText>[0] {
  const { bytesPerSecond, etaSeconds, finished } = state.download;
  return {
    ...bytesOfAll(state),
    bytesPerSecond: finished === null ? bytesPerSecond : null,
    etaSeconds,
    onlineEtaSeconds: onlineEta(state),
    assistant: assistantOf(state),
  };
}

/** What all bytes of a run are of. */
export function downloadedWhat({
  run,
  images,
}: Pick<RunState, "run" | "images">): "release" | "models" | "models and images" {
  if (run?.command === "upgrade") return "release";
  return images.length === 0 ? "models" : "models and images";
}

interface TimesLeft {
  readonly etaSeconds: number | null;
  readonly onlineEtaSeconds?: number | null;
  /** What comes online. */
  readonly assistant?: string;
}

/** Null where this run does not bring the stack online, or nothing is missing for it but its own start. */
export function onlineEta({ stages, health, download }: RunState): number | null {
  const { onlineEtaSeconds } = download;
  const waits = health.online === null && stages.some(({ stage }) => stage === "annie");
  return waits && onlineEtaSeconds !== null && onlineEtaSeconds >= 1 ? onlineEtaSeconds : null;
}

/** "Ann online in 3 min, everything in 12 min"; where there is but one time, "12 min left". Null where there is none. */
export function timesText(
  { etaSeconds, onlineEtaSeconds = null, assistant = "" }: TimesLeft,
  about = "",
): string | null {
  if (etaSeconds === null) return null;
  const all = `${about}${formatEta(etaSeconds)}`;
  if (onlineEtaSeconds === null) return `${all} left`;
  const online = `${about}${formatEta(onlineEtaSeconds)}`;
  // It starts after its last byte, which may be the last of all.
  const isLast = online === all || onlineEtaSeconds >= etaSeconds;
  return `${assistant} online in ${online}${isLast ? "" : `, everything in ${all}`}`;
}

const progressStepPercent = 10;
const progressIntervalMs = 30_000;
const movesBars = new Set<TimedEvent["type"]>([
  "download.progress",
  "image.progress",
  "verify.progress",
  "push.progress",
]);

/**
 * Whether a line on the progress is due after this event: with each further 10%, and after 30 seconds in which more came.
 * A writer has one of its own.
 * @param gapMs at least so much time between two lines
 */
export function createProgressPace(gapMs = 0): (event: TimedEvent, state: RunState) => boolean {
  let said: { readonly step: number; readonly at: number; readonly bytes: number } | null = null;
  return (event, state) => {
    if (!movesBars.has(event.type)) return false;
    const { receivedBytes: bytes, totalBytes } = bytesOfAll(state);
    if (totalBytes === 0 || state.download.paused) return false;
    const step = Math.floor(percentOf(bytes, totalBytes) / progressStepPercent);
    const now = { step: Math.max(step, said?.step ?? 0), at: event.at, bytes };
    // Where the run begins is no news.
    const isFirst = said === null;
    const isDue =
      said !== null &&
      bytes !== said.bytes &&
      event.at - said.at >= gapMs &&
      (step > said.step || event.at - said.at >= progressIntervalMs);
    if (isFirst || isDue) said = now;
    return isDue;
  };
}

/** Whole percent; 100 only when nothing is missing. */
export function percentOf(part: number, whole: number): number {
  if (whole <= 0 || part >= whole) return 100;
  return Math.min(99, Math.max(0, Math.floor((part / whole) * 100)));
}

/** "connection reset, retrying in 4 s", for the row of a model. */
export function downloadNote(note: Note, elapsedMs: number): string {
  if (note.kind === "blocked") return `waiting for ${holderWords(note.holder)}`;
  const leftMs = note.untilMs - elapsedMs;
  return leftMs > 0
    ? `${reasonWords(note)}, retrying in ${waitWords(leftMs)}`
    : `${reasonWords(note)}, retrying (attempt ${note.attempt + 1})`;
}

/** What a number of HTTP's means; any other reason is a sentence already. */
function reasonWords({ reason, repo }: Pick<DownloadRetrying, "reason" | "repo">): string {
  const who = schemeOf(repo) === "hub" ? "the Hub" : "the registry";
  return /^status (429|5\d\d)$/.test(reason) ? `${who} is busy` : reason;
}

/** Docker may still be unpacking images that came whole. */
export function allReadyText({ images }: Pick<RunState, "images">): string {
  if (images.length === 0) return "All models are ready";
  const unpacked = images.every(({ phase }) => phase === "ready");
  return unpacked ? "All models and images are ready" : "All models and images are verified";
}

/** What this run fetched, and what was there before it. */
function cameWords(
  event: Extract<DownloadEvent, { type: "download.finished" }>,
  { download: { planned }, images }: RunState,
): string {
  const models = planned === null ? 0 : planned.cachedBytes + planned.resumedBytes;
  const before = images.reduce((bytes, { cachedBytes }) => bytes + cachedBytes, models);
  const came = `Downloaded ${formatBytes(event.fetchedBytes)} in ${tookText(event.elapsedMs)}`;
  return before === 0 ? `${came}.` : `${came} (${formatBytes(before)} already cached).`;
}

export function modelTitle(id: string, state: RunState): string {
  return (
    state.download.models.find((model) => model.id === id)?.title ??
    state.plan?.models.find((model) => model.id === id)?.title ??
    id
  );
}

/** Whose bytes they are: images are told of one by one. */
function plannedWhat(state: RunState): string {
  return downloadedWhat(state) === "release" ? "Release: " : "Models: ";
}

function plannedWords(event: Extract<DownloadEvent, { type: "download.planned" }>): string {
  const missing = event.totalBytes - event.cachedBytes - event.resumedBytes;
  if (missing <= 0 && event.resumedBytes === 0) {
    return `all ${counted(event.files, "file")} (${formatBytes(event.totalBytes)}) already cached.`;
  }
  const here = event.cachedBytes + event.resumedBytes;
  return [
    `${formatBytes(Math.max(0, missing))} to download`,
    here > 0
      ? ` (${formatBytes(here)} of ${formatBytes(event.totalBytes)} already cached)`
      : ` in ${counted(event.files, "file")}`,
    `; ${formatBytes(event.freeBytes)} free on the disk.`,
  ].join("");
}

function againWords({
  scope,
  attempt,
  delayMs,
}: Extract<DownloadEvent, { type: "download.retrying" }>): string {
  return scope === "lane"
    ? "Its other connections continue."
    : `Retrying in ${waitWords(delayMs)} (attempt ${attempt + 1}).`;
}

/** A layer is its image's; of a file, its repository is told too. */
function fileName(
  { image, repo, path }: Pick<DownloadRetrying, "image" | "repo" | "path">,
  { images }: Pick<RunState, "images">,
): string {
  return image === undefined ? calledFile(repo, path) : imageTitle(image, images);
}

function holderWords(holder: string | null): string {
  return holder ?? "another program";
}

function waitWords(ms: number): string {
  return formatDuration(Math.max(1, Math.ceil(ms / 1000)));
}

/** Null where an image is as it was told to be. */
export function imageSentence(
  event: TimedEvent & ImageEvent,
  { images }: Pick<RunState, "images">,
): Sentence | null {
  const row = images.find(({ image }) => image === event.image);
  const title = imageTitle(event.image, images);
  switch (event.type) {
    case "image.planned": {
      if (event.totalBytes === 0) {
        return say(`Image ${title}: its size is unknown.`, { from: "verbose" });
      }
      const unpacked = `about ${formatBytes(event.unpackedBytes)} unpacked`;
      return say(`Image ${title}: ${missingText(event)}, ${unpacked}.`, { from: "verbose" });
    }
    case "image.progress":
      if (row?.news !== true) return null;
      return say(
        event.phase === "unpacking"
          ? `Unpacking image ${title}.`
          : `Downloading image ${title}${row.downloadBytes === 0 ? "" : `, ${formatBytes(row.downloadBytes)}`}.`,
      );
    case "image.ready":
      return say(`Image ${title}: ready.`, {
        tone: "good",
        mark: "ok",
        // Docker had it before.
        from: row?.news === false ? "verbose" : "normal",
      });
  }
}

/** "18.0 GB to download, 2.10 GB cached", "cached". */
export function missingText({
  totalBytes,
  cachedBytes,
}: {
  readonly totalBytes: number;
  readonly cachedBytes: number;
}): string {
  if (cachedBytes >= totalBytes) return "cached";
  const cached = cachedBytes === 0 ? "" : `, ${formatBytes(cachedBytes)} cached`;
  return `${formatBytes(totalBytes - cachedBytes)} to download${cached}`;
}

/** "neo4j" for "docker.io/library/neo4j:5.26"; more of the name where another image ends alike. */
export function imageTitle(image: string, among: readonly Pick<ImageNow, "image">[]): string {
  const names = [lastName, withoutTag];
  const distinct = names.find((nameOf) =>
    among.every((other) => other.image === image || nameOf(other.image) !== nameOf(image)),
  );
  return distinct?.(image) ?? image;
}

function lastName(image: string): string {
  const name = withoutTag(image);
  return name.slice(name.lastIndexOf("/") + 1);
}

/** A colon before the last slash is that of a port. */
function withoutTag(image: string): string {
  return image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
}

/** "downloading, 9.00 of 18.0 GB", "unpacking, 7.20 of 18.0 GB". */
export function imagePhaseText({
  phase,
  receivedBytes,
  totalBytes,
}: Pick<ImageNow, "phase" | "receivedBytes" | "totalBytes">): string {
  const [received, total] = formatBytesOf(receivedBytes, totalBytes);
  if (phase === "ready" || totalBytes === 0) return phase;
  return `${phase}, ${phase === "waiting" && receivedBytes === 0 ? total : `${received} of ${total}`}`;
}
