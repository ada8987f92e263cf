import type { ModelProgress } from "./download.ts";

/** A model as the cache has it. */
export interface ListedModel {
  readonly id: string;
  readonly title: string;
  readonly tier: number;
  readonly purpose: string;
  /** Its own repository; it may need files of others too. */
  readonly repo: string;
  /** `here`: complete, can be loaded; `baked`: in the stack's image; `unknown`: nothing is cached, and its size could not be asked for. */
  readonly state: "here" | "baked" | "partly" | "missing" | "unknown";
  /** Null where its size is not known. */
  readonly totalBytes: number | null;
  /** Safely on disk, of unfinished files too. */
  readonly receivedBytes: number;
  /** The folder that a program loads it from; null where there is none yet. */
  readonly path: string | null;
}

/** What `heros models ls` found. */
export interface ModelsListed {
  readonly type: "models.listed";
  readonly cacheDir: string;
  /** In order of priority; last those with 0, which are in no catalog. */
  readonly models: readonly ListedModel[];
}

/** Cached files are being hashed. At most five a second. */
export interface VerifyProgress {
  readonly type: "verify.progress";
  readonly checkedFiles: number;
  readonly files: number;
  readonly checkedBytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
  /** Null until it means something. */
  readonly etaSeconds: number | null;
  /** `receivedBytes` and `verifiedBytes` are what was hashed so far. */
  readonly models: readonly ModelProgress[];
}

/** Why a cached file can't be used: it is not there, its link leads nowhere or elsewhere, its size or content is another, or it can't be read. */
export type DamageReason = "missing" | "link" | "size" | "hash" | "unreadable";

/** A file of the cache is not what it should be. */
export interface FileDamaged {
  readonly type: "file.damaged";
  /** Ids of the models that need it. */
  readonly models: readonly string[];
  readonly repo: string;
  readonly path: string;
  /** Where it is, or should be, on this machine. */
  readonly file: string;
  readonly reason: DamageReason;
  /** What it should be and is: hashes, sizes in bytes, or an error's code. */
  readonly expected: string;
  readonly found: string | null;
}

export interface VerifyFinished {
  readonly type: "verify.finished";
  readonly files: number;
  readonly bytes: number;
  readonly damaged: number;
  readonly elapsedMs: number;
}

export type Leftover =
  /** Of a download that the catalog no longer wants. */
  | "partial"
  /** Put aside by a repair. */
  | "damaged"
  /** A content that no snapshot links to. */
  | "blob"
  /** Another program's unfinished file, older than a day. */
  | "incomplete"
  /** A folder or a link of a heros that was killed. */
  | "transient"
  /** A revision that an update made old. */
  | "revision"
  /** Of a model that a person removes. */
  | "model"
  /** Records of before call it so. */
  | "passing";

export interface PrunedFile {
  readonly kind: Leftover;
  readonly repo: string;
  /** On this machine. */
  readonly file: string;
  /** What the disk gains. */
  readonly bytes: number;
}

/** What nothing needs, told before anything is removed. */
export interface PrunePlanned {
  readonly type: "prune.planned";
  readonly cacheDir: string;
  /** True where nothing will be removed. */
  readonly dryRun: boolean;
  readonly bytes: number;
  readonly files: readonly PrunedFile[];
  /** What looks left over and is not touched, and why. */
  readonly kept: readonly { readonly file: string; readonly reason: string }[];
}

/** How a model on this machine stands to what is newest at its source. */
export interface UpdatedModel {
  readonly id: string;
  readonly title: string;
  readonly repo: string;
  /** The branch or tag that it follows. */
  readonly revision: string;
  /** `pinned`: a catalog wants this very commit; `unknown`: its source does not say, and `problem` why. */
  readonly state: "newer" | "current" | "pinned" | "unknown";
  /** Commits on the Hub, or digests of Ollama manifests: the local one, and the newest. */
  readonly from: string | null;
  readonly to: string | null;
  /** Files. */
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly unchanged: number;
  readonly downloadBytes: number;
  /** Bytes that only the old revision uses, once the new one is downloaded. */
  readonly freesBytes: number;
  readonly problem: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
  } | null;
}

/** What an update would change, told before anything is. */
export interface UpdatePlanned {
  readonly type: "update.planned";
  readonly dryRun: boolean;
  /** A file that several models share counts once. */
  readonly downloadBytes: number;
  readonly models: readonly UpdatedModel[];
}

/** A file of the cache is gone: nothing needed it. */
export interface FileRemoved extends PrunedFile {
  readonly type: "file.removed";
}

/** Models are being sent from the cache into a bucket. At most five a second. Bytes are those that this run has to send. */
export interface PushProgress {
  readonly type: "push.progress";
  readonly sentBytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
  /** Null until it means something. */
  readonly etaSeconds: number | null;
  /** `receivedBytes` and `verifiedBytes` are what was sent so far. */
  readonly models: readonly ModelProgress[];
}

/** All of a model is in a bucket, and it is listed there. */
export interface ModelPushed {
  readonly type: "model.pushed";
  readonly id: string;
  readonly title: string;
  readonly repo: string;
  readonly commit: string;
  /** `s3://bucket/prefix` */
  readonly place: string;
  /** In this run; 0 where all of it was there. */
  readonly sentBytes: number;
}

/** How a container gets the cache of this machine: one mount. */
export interface CacheShared {
  readonly type: "cache.shared";
  /** Of a compose file; null for any container. */
  readonly service: string | null;
  /** A folder of this machine. */
  readonly source: string;
  /** Where the container has it. */
  readonly target: string;
  /** Where `models--…` then is in the container. */
  readonly cacheTarget: string;
  readonly readOnly: boolean;
  /** What the container must be told beside. */
  readonly environment: Readonly<Record<string, string>>;
  /** The same as flags of `docker run`, quoted for a shell. */
  readonly run: string;
}

export type ModelsEvent =
  | CacheShared
  | PushProgress
  | ModelPushed
  | ModelsListed
  | VerifyProgress
  | FileDamaged
  | VerifyFinished
  | PrunePlanned
  | FileRemoved
  | UpdatePlanned;
