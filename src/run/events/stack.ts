/** Which stack the run is about, before anything is told of it. Left out by records of older versions. */
export interface StackChosen {
  readonly type: "stack.chosen";
  /** As its folder and `--catalog` name it. */
  readonly stack: string;
  readonly title: string;
  /** What sentences call it: "Ann". */
  readonly assistant: string;
  /** In words, by the names of the health contract. */
  readonly capabilities: Readonly<Record<string, CapabilityWords>>;
}

export interface CapabilityWords {
  /** On the screen: "speech-to-text". */
  readonly title: string;
  /** It is used while nobody is there. */
  readonly nightly?: true;
}

/** A file of the stack was looked at; `unchanged` is told too, so that a second run can show that it changed nothing. */
export interface FileWritten {
  readonly type: "file.written";
  readonly path: string;
  readonly action: "created" | "updated" | "unchanged";
  /** Where the version that somebody edited by hand is kept. */
  readonly backupPath?: string;
}

/** A command of docker's begins. Its arguments never hold a secret. */
export interface StackCommand {
  readonly type: "stack.command";
  readonly command: string;
}

/** "building" and "built" are of its image, by its Dockerfile; a container waits for its turn then. */
export const containerStates = [
  "pulling",
  "building",
  "built",
  "created",
  "starting",
  "running",
  "healthy",
  "unhealthy",
  "restarting",
  "exited",
] as const;
export type ContainerState = (typeof containerStates)[number];

export interface ContainerChanged {
  readonly type: "container.changed";
  readonly service: string;
  readonly state: ContainerState;
  readonly exitCode?: number;
  /** While its image is fetched: how far it is, all layers that are known so far. */
  readonly receivedBytes?: number;
  readonly totalBytes?: number;
  /** While its image is built: which step of how many, as the Dockerfile counts. */
  readonly step?: number;
  readonly steps?: number;
  /** While its image is fetched: for how long nothing was heard of it, and from whom: "ghcr.io", "Docker Hub". */
  readonly silentMs?: number;
  readonly registry?: string;
  /** Compose would have told of every byte, so nothing came in that time; without it nobody knows. */
  readonly unanswered?: boolean;
}

/** Why a container does not run: its last lines of log. */
export interface ContainerFailed {
  readonly type: "container.failed";
  readonly service: string;
  readonly state: ContainerState;
  readonly exitCode: number | null;
  /** The kernel killed it for its memory. */
  readonly outOfMemory?: boolean;
  readonly logLines: readonly string[];
}

/** A line of what a container printed, as `heros logs` shows it. */
export interface ContainerLogged {
  readonly type: "container.logged";
  readonly service: string;
  readonly line: string;
}

export type StackEvent =
  | StackChosen
  | FileWritten
  | StackCommand
  | ContainerChanged
  | ContainerFailed
  | ContainerLogged;

export interface StackModel {
  readonly status: string;
  readonly source?: string;
  readonly progress?: string;
}

/** Its health changed: told on every change, not on every poll. */
export interface StackHealth {
  readonly type: "annie.health";
  /** `unreachable` until it answers; then its own word: `starting`, `healthy`, … */
  readonly status: string;
  readonly capabilities: Readonly<Record<string, boolean>>;
  readonly models: Readonly<Record<string, StackModel>>;
}

export interface StackOnline {
  readonly type: "annie.online";
  /** To the first of its steady answers, from the start of the run or from yes, whichever came later. */
  readonly elapsedMs: number;
  readonly url: string;
}

/** Once it is online with everything: it was asked for what it is there for, and answered. */
export interface StackProved {
  readonly type: "annie.proved";
  /** "GET /health" where its abilities were asked for, "POST /search" where the catalog names a question. */
  readonly asked: string;
  /** Until its whole answer was there. */
  readonly elapsedMs: number;
}

export interface CapabilityReady {
  readonly type: "capability.ready";
  /** As in the health contract: `memory_recall`. */
  readonly name: string;
  /** "Ann can now understand speech." */
  readonly message: string;
}

export type HealthEvent = StackHealth | StackOnline | StackProved | CapabilityReady;
