import type { Emit, TimedEvent } from "../event.ts";
import type { ImageLabel, ImageProgress, ImageReady } from "../events/download.ts";
import { type DownloadState, type Note, noteOf } from "./download-state.ts";

/** A container image, as a row of a screen shows it. */
export interface ImageNow extends ImageLabel {
  /** "ready": Docker has it. */
  readonly phase: "waiting" | ImageProgress["phase"] | "ready";
  /** Of the phase: while it waits, what is there of the download. */
  readonly receivedBytes: number;
  readonly totalBytes: number;
  /** Of the download: what was there when it was planned. */
  readonly cachedBytes: number;
  /** While it is downloaded; null until it was told twice. */
  readonly bytesPerSecond: number | null;
  /** When it was told last how far it is. */
  readonly progressAt: number | null;
  /** Of its compressed layers, whatever the phase; 0 while that is unknown. */
  readonly downloadBytes: number;
  /** Its size was known when it was planned. One that Docker pulls may get to know it late: then no sum counts it. */
  readonly sized: boolean;
  /** The last event began another phase: lines tell that alone. An image that was there before it was planned begins none. */
  readonly news: boolean;
  /** What holds its download up; null where nothing does. */
  readonly note: Note | null;
}

/** In the order in which they were planned, each once. */
export type ImagesState = readonly ImageNow[];

/** The images after one more event; the same list where nothing of them changed. */
export function reduceImages(state: ImagesState, event: TimedEvent): ImagesState {
  switch (event.type) {
    case "image.planned": {
      const { type: _type, v: _v, at: _at, ...planned } = event;
      const row: ImageNow = {
        ...planned,
        receivedBytes: planned.cachedBytes,
        downloadBytes: planned.totalBytes,
        sized: planned.totalBytes > 0,
        phase: "waiting",
        bytesPerSecond: null,
        progressAt: null,
        news: false,
        note: null,
      };
      return state.some(({ image }) => image === row.image)
        ? state.map((each) => (each.image === row.image ? row : each))
        : [...state, row];
    }
    case "image.progress": {
      const { image, phase, receivedBytes, totalBytes } = event;
      return state.map((each) =>
        // A late word of what Docker has already.
        each.image !== image || each.phase === "ready"
          ? each
          : {
              ...each,
              phase,
              receivedBytes,
              totalBytes,
              bytesPerSecond: speedAfter(each, event),
              progressAt: event.at,
              downloadBytes: phase === "downloading" ? totalBytes : each.downloadBytes,
              news: each.phase !== phase,
              note: isOver(each.note, event.at) ? null : each.note,
            },
      );
    }
    case "image.ready":
      return state.map((each) =>
        each.image === event.image
          ? {
              ...each,
              phase: "ready",
              receivedBytes: each.totalBytes,
              // One that is small is ready before it is told of.
              news: each.phase !== "waiting" || each.cachedBytes < each.totalBytes,
              note: null,
            }
          : each,
      );
    case "download.retrying":
    case "download.blocked":
      if (event.image === undefined) return state;
      // Nothing holds the image up while its other connections go on.
      if (event.type === "download.retrying" && event.scope === "lane") return state;
      return state.map((each) =>
        each.image === event.image ? { ...each, note: noteOf(event) } : each,
      );
    // What was to be tried again waits for the person now.
    case "download.paused":
    case "download.finished":
      return state.some(({ note }) => note?.kind === "retrying")
        ? state.map((each) => (each.note?.kind === "retrying" ? { ...each, note: null } : each))
        : state;
    default:
      return state;
  }
}

const smoothingMs = 3000;

/** Smoothed over some seconds: an image is told now and then. */
function speedAfter(before: ImageNow, event: TimedEvent & ImageProgress): number | null {
  if (event.phase !== "downloading" || before.phase !== "downloading") return null;
  const passedMs = event.at - (before.progressAt ?? event.at);
  if (passedMs <= 0) return before.bytesPerSecond;
  const now = (Math.max(0, event.receivedBytes - before.receivedBytes) * 1000) / passedMs;
  const old = before.bytesPerSecond ?? now;
  return old + (now - old) * (1 - Math.exp(-passedMs / smoothingMs));
}

/** A retry is, once its wait is and bytes come again. */
function isOver(note: Note | null, atMs: number): boolean {
  return note?.kind === "retrying" && atMs >= note.untilMs;
}

/** Of a download, and how much of it can be used already: verified, or unpacked. */
export interface DownloadBytes {
  readonly receivedBytes: number;
  readonly verifiedBytes: number;
  readonly totalBytes: number;
}

/** An image in the bytes of its layers. It is not all there before Docker has unpacked it. */
export function bytesOfImage({
  phase,
  receivedBytes,
  totalBytes,
  downloadBytes,
}: Pick<ImageNow, "phase" | "receivedBytes" | "totalBytes" | "downloadBytes">): DownloadBytes {
  const most = Math.max(0, downloadBytes - 1);
  const of = (bytes: number) => Math.min(most, Math.max(0, Math.floor(bytes)));
  switch (phase) {
    case "ready":
      return {
        receivedBytes: downloadBytes,
        verifiedBytes: downloadBytes,
        totalBytes: downloadBytes,
      };
    case "unpacking": {
      const share = totalBytes <= 0 ? 0 : receivedBytes / totalBytes;
      const verifiedBytes = of(share * downloadBytes);
      return { receivedBytes: most, verifiedBytes, totalBytes: downloadBytes };
    }
    case "downloading":
    case "waiting":
      return { receivedBytes: of(receivedBytes), verifiedBytes: 0, totalBytes: downloadBytes };
  }
}

/** Models and images together; not all there before each image is ready. */
export function bytesOfAll({
  download,
  images,
}: {
  readonly download: Pick<DownloadState, keyof DownloadBytes>;
  readonly images: ImagesState;
}): DownloadBytes {
  const sized = images.filter((image) => image.sized);
  const sum = sized.map(bytesOfImage).reduce<DownloadBytes>(
    (before, bytes) => ({
      receivedBytes: before.receivedBytes + bytes.receivedBytes,
      verifiedBytes: before.verifiedBytes + bytes.verifiedBytes,
      totalBytes: before.totalBytes + bytes.totalBytes,
    }),
    download,
  );
  if (images.every(({ phase }) => phase === "ready")) return sum;
  return { ...sum, receivedBytes: Math.max(0, Math.min(sum.receivedBytes, sum.totalBytes - 1)) };
}

/** Tells how far images are, whoever knows it. */
export interface ImageReporter {
  /** How far an image is by now; it is told when its turn comes. A later phase is not left for an earlier one. */
  note(progress: Omit<ImageProgress, "type">): void;
  /** Tells that Docker has it, and nothing of how far it is after that. */
  ready(image: Omit<ImageReady, "type">): void;
  /** Docker has unpacked a layer. `verifiedMs` is when it could have begun with it; null where it had it already. */
  unpacked(layer: {
    readonly image: string;
    readonly sizeBytes: number;
    readonly verifiedMs: number | null;
    readonly nowMs: number;
  }): void;
  /** Of an image's layers, compressed, so far; all of them once Docker has it. */
  unpackedBytes(image: string): number;
  /**
   * How long Docker takes for layers of so many bytes, of which it has been unpacking `begunBytes` since the last one; null while
   * that is not known.
   */
  unpackSeconds(bytes: number, begunBytes: number, nowMs: number): number | null;
  /** An image that the stack waits for, and that Docker pulls itself; 0 where its size is unknown. */
  pulls(image: string, totalBytes: number, nowMs: number): void;
  /** How long Docker still pulls those, as fast as it has; null while that is not known. */
  pullSeconds(nowMs: number): number | null;
  /** Services whose images are there were started, which took so long. */
  started(ms: number): void;
  /** How long a service takes to start, by those that were; null while none was. */
  startSeconds(): number | null;
  /** Tells of the image that has waited longest for it, or came to the end of its phase; called many times a second. */
  tick(nowMs: number): void;
}

const mostASecond = 5;
/** A small layer takes as long as the engine takes to begin with it: so many bytes tell the speed, however many are left. */
const tellingBytes = 16_000_000;
/** Fewer tell it of so many times as many. */
const mostTimes = 20;

/** At most five events a second, of all images together. */
export function createImageReporter(emit: Emit): ImageReporter {
  const waiting = new Map<string, Omit<ImageProgress, "type">>();
  const told = new Map<string, Omit<ImageProgress, "type">>();
  const unpacked = new Map<string, number>();
  const measured = { bytes: 0, ms: 0, untilMs: Number.NEGATIVE_INFINITY };
  const starts: number[] = [];
  const pulled = createPulledRate();
  let toldAtMs: number[] = [];

  return {
    unpacked({ image, sizeBytes, verifiedMs, nowMs }) {
      unpacked.set(image, (unpacked.get(image) ?? 0) + sizeBytes);
      if (verifiedMs === null) return;
      measured.bytes += sizeBytes;
      // Of several images at a time, each moment counts once.
      measured.ms += nowMs - Math.max(verifiedMs, measured.untilMs);
      measured.untilMs = nowMs;
    },
    unpackedBytes: (image) => unpacked.get(image) ?? 0,
    unpackSeconds(bytes, begunBytes, nowMs) {
      const toldBytes = measured.bytes < tellingBytes ? measured.bytes * mostTimes : bytes;
      if (measured.bytes === 0 || bytes > toldBytes) return null;
      const secondsFor = (some: number): number => (some / measured.bytes) * (measured.ms / 1000);
      const passed = (nowMs - measured.untilMs) / 1000;
      return secondsFor(bytes) - Math.min(passed, secondsFor(begunBytes));
    },
    pulls: pulled.expect,
    pullSeconds: pulled.secondsLeft,
    started: (ms) => void starts.push(ms),
    startSeconds: () => (starts.length === 0 ? null : Math.max(...starts) / 1000),
    note(progress) {
      const { image } = progress;
      pulled.note(progress);
      if (unpacked.get(image) === Number.POSITIVE_INFINITY) return;
      const last = waiting.get(image) ?? told.get(image);
      if (last?.phase === "unpacking" && progress.phase === "downloading") return;
      const same = last?.phase === progress.phase && last.receivedBytes === progress.receivedBytes;
      if (!same) waiting.set(image, progress);
    },
    ready(image) {
      waiting.delete(image.image);
      pulled.ready(image.image);
      unpacked.set(image.image, Number.POSITIVE_INFINITY);
      emit({ type: "image.ready", ...image });
    },
    tick(nowMs) {
      toldAtMs = toldAtMs.filter((atMs) => nowMs - atMs < 1000);
      const all = [...waiting.values()];
      const ended = all.filter(({ receivedBytes, totalBytes }) => receivedBytes >= totalBytes);
      // The last place of a second is kept for what came to its end.
      const turn = toldAtMs.length < mostASecond - 1 ? [...ended, ...all] : ended;
      const [next] = toldAtMs.length < mostASecond ? turn : [];
      if (next === undefined) return;
      waiting.delete(next.image);
      told.set(next.image, next);
      toldAtMs.push(nowMs);
      emit({ type: "image.progress", ...next });
    },
  };
}

/** What Docker pulls itself, one image after the other: its speed, and what is left. */
function createPulledRate() {
  const left = new Map<string, number>();
  let doneBytes = 0;
  let sinceMs = 0;
  return {
    expect(image: string, totalBytes: number, nowMs: number): void {
      sinceMs ||= nowMs;
      left.set(image, totalBytes);
    },
    /** Until all of it came: unpacking is told with the bytes that came before. */
    note({ image, phase, receivedBytes, totalBytes }: Omit<ImageProgress, "type">): void {
      const before = left.get(image);
      if (before === undefined || totalBytes === 0) return;
      const now = phase === "downloading" ? totalBytes - receivedBytes : 0;
      // A size that nobody knew before makes it more.
      doneBytes += Math.max(0, before - now);
      left.set(image, now);
    },
    ready: (image: string): void => void left.delete(image),
    secondsLeft(nowMs: number): number | null {
      if (left.size === 0) return 0;
      const bytes = [...left.values()].reduce((sum, each) => sum + each, 0);
      if (doneBytes === 0 || bytes === 0) return null;
      return (bytes / doneBytes) * ((nowMs - sinceMs) / 1000);
    },
  };
}
