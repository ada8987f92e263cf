import type { Emit, TimedEvent } from "./event.ts";
import type { ImageLabel, ImageProgress } from "./events/images.ts";
import { type Note, noteOf } from "./download-state.ts";

/** A container image, as a row of a screen shows it. */
export interface ImageNow extends ImageLabel {
  /** "ready": Docker has it. */
  readonly phase: "waiting" | ImageProgress["phase"] | "ready";
  /** Of the phase: while it waits, what is there of the download. */
  readonly receivedBytes: number;
  readonly totalBytes: number;
  /** What holds its download up; null where nothing does. */
  readonly note: Note | null;
}

/** In the order in which they were planned, each once. */
export type ImagesState = readonly ImageNow[];

/** The images after one more event; the same list where nothing of them changed. */
export function reduceImages(state: ImagesState, event: TimedEvent): ImagesState {
  switch (event.type) {
    case "image.planned": {
      const { type: _type, v: _v, at: _at, cachedBytes: receivedBytes, ...planned } = event;
      const row: ImageNow = { ...planned, receivedBytes, phase: "waiting", note: null };
      return state.some(({ image }) => image === row.image)
        ? state.map((each) => (each.image === row.image ? row : each))
        : [...state, row];
    }
    case "image.progress": {
      const { image, phase, receivedBytes, totalBytes } = event;
      return patch(state, image, { phase, receivedBytes, totalBytes }, (note) =>
        note?.kind === "retrying" && event.at >= note.untilMs ? null : note,
      );
    }
    case "image.ready":
      return state.map((each) =>
        each.image === event.image
          ? { ...each, phase: "ready", receivedBytes: each.totalBytes, note: null }
          : each,
      );
    case "download.retrying":
    case "download.blocked":
      if (event.image === undefined) return state;
      // Nothing holds the image up while its other connections go on.
      if (event.type === "download.retrying" && event.scope === "lane") return state;
      return patch(state, event.image, {}, () => noteOf(event));
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

function patch(
  state: ImagesState,
  image: string,
  change: Partial<ImageNow>,
  noteAfter: (note: Note | null) => Note | null,
): ImagesState {
  return state.map((each) =>
    each.image === image ? { ...each, ...change, note: noteAfter(each.note) } : each,
  );
}

/** Tells how far images are, whoever knows it. */
export interface ImageTelling {
  /** How far an image is by now; it is told when its turn comes. A later phase is not left for an earlier one. */
  note(progress: Omit<ImageProgress, "type">): void;
  /** Tells of the image that has waited longest for it, or came to the end of its phase; called many times a second. */
  tick(nowMs: number): void;
}

const mostASecond = 5;

/** At most five events a second, of all images together. */
export function createImageTelling(emit: Emit): ImageTelling {
  const waiting = new Map<string, Omit<ImageProgress, "type">>();
  const told = new Map<string, Omit<ImageProgress, "type">>();
  let toldAtMs: number[] = [];

  return {
    note(progress) {
      const { image } = progress;
      const last = waiting.get(image) ?? told.get(image);
      if (last?.phase === "unpacking" && progress.phase === "downloading") return;
      const same = last?.phase === progress.phase && last.receivedBytes === progress.receivedBytes;
      if (!same) waiting.set(image, progress);
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
