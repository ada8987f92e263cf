/** What is to come of the models, told before the first byte. */
export interface DownloadPlanned {
  readonly type: "download.planned";
  readonly files: number;
  readonly totalBytes: number;
  /** Complete files that are in the cache already. */
  readonly cachedBytes: number;
  /** Bytes of unfinished files that are safely on disk from an earlier run. */
  readonly resumedBytes: number;
  /** Free space on the disk of the cache. */
  readonly freeBytes: number;
}

/** "repairing": all bytes came, but a hash is wrong, and what is there is compared with a second fetch. */
export type ModelState =
  | "waiting"
  | "downloading"
  | "retrying"
  | "verifying"
  | "repairing"
  | "ready"
  | "failed";

/** What events say of a model. */
export interface ModelLabel {
  readonly id: string;
  readonly title: string;
  readonly tier: number;
}

export interface ModelProgress extends ModelLabel {
  readonly state: ModelState;
  /** On disk, cached ones included. Never falls, unless bytes proved wrong. */
  readonly receivedBytes: number;
  readonly verifiedBytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
  readonly etaSeconds: number | null;
}

/** At most five a second. Bytes are those of the models; the speed is that of all that comes. */
export interface DownloadProgress {
  readonly type: "download.progress";
  readonly receivedBytes: number;
  readonly verifiedBytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
  /** Until everything has come, images included; null until it means something. */
  readonly etaSeconds: number | null;
  /** Until all has come that the stack needs to be online, images included: null until it means something, and where this run fetches nothing of it. Absent in records of before. */
  readonly onlineEtaSeconds?: number | null;
  /** Connections in use. */
  readonly lanes: number;
  readonly models: readonly ModelProgress[];
}

export interface DownloadRetrying {
  readonly type: "download.retrying";
  /** Id of the model that the file is for, where the engine knows it. */
  readonly model?: string;
  /** The image whose layer it is, in the place of a model. */
  readonly image?: string;
  readonly repo: string;
  readonly path: string;
  readonly reason: string;
  /** From 1. */
  readonly attempt: number;
  readonly delayMs: number;
  /** What waits: one connection, while the file's others go on; the file; or everything. */
  readonly scope?: "lane" | "file" | "all";
}

/** Another process is fetching the same file: we wait for it and use what it brings. */
export interface DownloadBlocked {
  readonly type: "download.blocked";
  /** Id of the model that the file is for, where the engine knows it. */
  readonly model?: string;
  /** The image whose layer it is, in the place of a model. */
  readonly image?: string;
  readonly repo: string;
  readonly path: string;
  /** Who holds the lock, as far as the system tells. */
  readonly holder: string | null;
}

/** A person let the download rest: no connection is open, and all that came is safe on disk. */
export interface DownloadPaused {
  readonly type: "download.paused";
}

/** It goes on, from the same bytes. */
export interface DownloadResumed {
  readonly type: "download.resumed";
}

/** The first byte of a file is being asked for: line writers tell it once a file. */
export interface FileStarted {
  readonly type: "file.started";
  readonly repo: string;
  readonly path: string;
  readonly totalBytes: number;
  /** Safely on disk from an earlier run. */
  readonly resumedBytes: number;
}

/** The blob has its name: its hash was checked and it is synced to disk. */
export interface FileVerified {
  readonly type: "file.verified";
  readonly repo: string;
  readonly path: string;
  /** Of the content; for small git files too. */
  readonly sha256: string;
  readonly bytes: number;
}

export interface ModelReady {
  readonly type: "model.ready";
  readonly id: string;
  /** As a person knows it; absent in records of before. */
  readonly title?: string;
  readonly repo: string;
  /** The commit. */
  readonly revision: string;
  /** The snapshot folder. */
  readonly path: string;
}

export interface DownloadFinished {
  readonly type: "download.finished";
  /** What came over the network in this run: of models and images, the bytes fetched twice included. */
  readonly fetchedBytes: number;
  readonly elapsedMs: number;
}

export type DownloadEvent =
  | DownloadPlanned
  | DownloadProgress
  | DownloadRetrying
  | DownloadBlocked
  | DownloadPaused
  | DownloadResumed
  | FileStarted
  | FileVerified
  | ModelReady
  | DownloadFinished;

/** What events say of a container image. */
export interface ImageLabel {
  /** As the compose file names it. */
  readonly image: string;
  /** What `docker image inspect` shows after a pull: of the index where there is one, else of the manifest. */
  readonly digest: string;
  /** Those that run it. */
  readonly services: readonly string[];
  /** Once Docker has unpacked it: an estimate. */
  readonly unpackedBytes: number;
  /** The stack waits for it. */
  readonly neededForOnline: boolean;
  /** How Docker gets it: from heros as a registry, loaded from a file, or fetched by Docker itself. */
  readonly way: "registry" | "load" | "pull";
}

/** An image that is to come, or is there already; told before its first byte. Its bytes are those of its compressed layers. */
export interface ImagePlanned extends ImageLabel {
  readonly type: "image.planned";
  readonly totalBytes: number;
  /** That need not be fetched: Docker has these layers, or they are on disk from an earlier run, unfinished ones included. */
  readonly cachedBytes: number;
}

/** An image as a plan or a report has it. */
export type PlannedImage = Omit<ImagePlanned, "type">;

/** At most five a second, of all images together. */
export interface ImageProgress {
  readonly type: "image.progress";
  readonly image: string;
  readonly phase: "downloading" | "unpacking";
  /** Of this phase. */
  readonly receivedBytes: number;
  readonly totalBytes: number;
}

/** Docker has it, by its name. */
export interface ImageReady {
  readonly type: "image.ready";
  readonly image: string;
  readonly digest: string;
}

export type ImageEvent = ImagePlanned | ImageProgress | ImageReady;
