import type { StackModel } from "./stack.ts";
import type { ImageProgress, DownloadProgress } from "./download.ts";
import type { ListedModel } from "./cache.ts";
import type { RunCancelled, RunFailed, RunSucceeded, Stage } from "./run.ts";

/** The run that was left in the background last. */
export interface BackgroundSeen {
  readonly command: "setup" | "pull";
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The file with its events. */
  readonly record: string;
  /** `lost`: it ended without a word, killed or with the machine. */
  readonly state: "running" | "ended" | "lost";
  /** Null where it does not run. */
  readonly elapsedSeconds: number | null;
  /** What it is at; null where it does not run. */
  readonly stage: Stage | null;
  /** Null before its download. */
  readonly progress: Pick<
    DownloadProgress,
    "receivedBytes" | "totalBytes" | "bytesPerSecond" | "etaSeconds"
  > | null;
  /** Images that are on their way, in the order of their names; absent in records of before. */
  readonly images?: readonly Omit<ImageProgress, "type">[];
  /** How it ended. */
  readonly closing: RunSucceeded | RunFailed | RunCancelled | null;
}

/** An image of the stack's services, as far as this machine tells. */
export interface ListedImage {
  /** As the compose file has it. */
  readonly image: string;
  readonly services: readonly string[];
  /** `here`: Docker has it. `stored`: heros has all of it, and Docker does not. `unknown`: Docker does not answer. */
  readonly state: "here" | "stored" | "partly" | "missing" | "unknown";
  /** Of its compressed layers; null where no run has found out. */
  readonly totalBytes: number | null;
  /** That heros has of them, on their way to Docker or kept. */
  readonly receivedBytes: number;
}

/** How everything is: what is on disk, and what the stack says. Told once, and while it is watched whenever it changed. */
export interface StatusRead {
  readonly type: "status.read";
  /** `online`: healthy, with all capabilities of the models that come first. `absent`: the stack does not answer. */
  readonly annie: "online" | "degraded" | "starting" | "absent";
  readonly url: string;
  /** Of the stack; left out by records of older versions. */
  readonly stackDir?: string;
  /** How many stacks are told of; left out where it is the only one. */
  readonly stacks?: number;
  /** Its compose files are there; left out by records of older versions. */
  readonly setUp?: boolean;
  /** Its own word; `unreachable` where nobody answers. */
  readonly health: string;
  readonly capabilities: Readonly<Record<string, boolean>>;
  /** Chosen capabilities that it does not have yet. */
  readonly lacking: readonly string[];
  /** What it says of its models. */
  readonly loading: Readonly<Record<string, StackModel>>;
  /** The priorities of the chosen groups. */
  readonly tiers: readonly number[];
  readonly cacheDir: string;
  /** The chosen models, in order of priority. */
  readonly models: readonly ListedModel[];
  /** Of the models whose size is known. */
  readonly receivedBytes: number;
  readonly totalBytes: number;
  /** Of the stack's services, without those that it builds; absent where there is no stack, and in records of before. */
  readonly images?: readonly ListedImage[];
  /** An earlier setup was interrupted before its end. */
  readonly interrupted: boolean;
  /** Until the next setup or pull; null where there is none. */
  readonly background: BackgroundSeen | null;
}

/** Which version is installed, and which one the channel has. */
export interface UpgradeChecked {
  readonly type: "upgrade.checked";
  readonly current: string;
  readonly latest: string;
}

/** What is new in the version that is about to be installed. */
export interface UpgradeChanges {
  readonly type: "upgrade.changes";
  readonly from: string;
  readonly to: string;
  /** Of the sections of CHANGELOG.md about the versions after `from`. */
  readonly lines: readonly string[];
  /** How many lines more there are. */
  readonly omitted: number;
}

/** Which heros this is. */
export interface VersionRead {
  readonly type: "version.read";
  readonly version: string;
  /** `linux-arm64`. */
  readonly platform: string;
  /** Null where it was not built from a commit that is known. */
  readonly commit: string | null;
  /** The folder of the program. */
  readonly folder: string;
  /** Where upgrades come from; `checkout` for what was built on this machine. */
  readonly channel: "stable" | "beta" | "npm" | "checkout";
}

export type StatusEvent = StatusRead;

export type ReleaseEvent = UpgradeChecked | UpgradeChanges | VersionRead;
