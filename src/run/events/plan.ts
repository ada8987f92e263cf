import type { PlannedImage } from "./download.ts";

export interface PlannedModel {
  readonly id: string;
  readonly title: string;
  /** What the stack gains: "Speech-to-text". */
  readonly purpose: string;
  readonly tier: number;
  readonly totalBytes: number;
  /** Already on disk: files of the right size, and what a partial has. */
  readonly cachedBytes: number;
  /** It is in the stack's image: nothing of it is downloaded, and its bytes are 0. */
  readonly baked?: true;
}

export interface PlannedFile {
  readonly path: string;
  readonly action: "created" | "updated" | "unchanged";
  /** Unified diff of what changes, without secrets; absent where nothing does. */
  readonly diff?: string;
  /** Where an edited file of ours will be kept. */
  readonly backupPath?: string;
}

/** What models and images take of a disk. */
export interface PlannedDisk {
  /** A folder on it that is written to. */
  readonly folder: string;
  readonly what: readonly ("models" | "images")[];
  /** In all, with what is kept free. */
  readonly neededBytes: number;
  readonly freeBytes: number;
  /** Unpacked images are part of it: their size is not known before. */
  readonly estimated: boolean;
}

/** What models take of memory once they are loaded, and what there is. */
export interface PlannedMemory {
  readonly neededBytes: number;
  readonly totalBytes: number;
  /** Of the GPU alone; else the machine's, which it shares with the GPU. */
  readonly ofGpu: boolean;
}

/** A free port in the place of the usual one, which something else has. */
export interface OtherPort {
  readonly port: number;
  readonly instead: number;
  /** Who has that: "python3 (PID 4711)". */
  readonly by: string;
}

/** The answers, worked out: what the summary page shows and what `--dry-run` prints. */
export interface PlanReady {
  readonly type: "plan.ready";
  readonly dryRun: boolean;
  /** Their priorities. */
  readonly tiers: readonly number[];
  /** Of models, by id; absent in older records. */
  readonly groups?: readonly string[];
  readonly models: readonly PlannedModel[];
  /** What the stack should be able to do with them, as its health names it; absent in older records. */
  readonly capabilities?: readonly string[];
  readonly totalBytes: number;
  readonly cachedBytes: number;
  /** Of the services; absent where the registries were not asked. Not in the sums above. */
  readonly images?: readonly PlannedImage[];
  /** Each disk that is written to; absent in older records. */
  readonly disks?: readonly PlannedDisk[];
  /** Absent in older records. */
  readonly memory?: PlannedMemory;
  /** Of the link, as it was measured; absent where it was not. */
  readonly bytesPerSecond?: number;
  readonly startup: "progressive" | "wait" | "warmup";
  readonly cacheDir: string;
  readonly stackDir: string;
  readonly endpoint: string;
  /** Where the stack will answer, where that is not its usual port because something else has it. */
  readonly otherPort?: OtherPort;
  /** Where the token is from. Never the token. */
  readonly token: "none" | "environment" | "hub-file" | "kept" | "token-file" | "pasted";
  /** The token is, or will be, in a file of the stack; absent where there is none. */
  readonly tokenKept?: boolean;
  /** What other answers come to, a line each, where nothing else of the plan says it; absent where there are none. */
  readonly answerLines?: readonly string[];
  readonly files: readonly PlannedFile[];
  /** Services that compose will run. */
  readonly services: readonly string[];
  /** When a person said yes to it, since the run began: the times that are shown count from then. Absent where nobody was asked. */
  readonly agreedAtMs?: number;
}

export type PlanEvent = PlanReady;
