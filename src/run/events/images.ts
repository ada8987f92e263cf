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
  /** Annie waits for it. */
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
