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

export type ContainerState =
  | "pulling"
  | "created"
  | "starting"
  | "running"
  | "healthy"
  | "unhealthy"
  | "restarting"
  | "exited";

export interface ContainerChanged {
  readonly type: "container.changed";
  readonly service: string;
  readonly state: ContainerState;
  readonly exitCode?: number;
  /** "45%", "12.3 of 18.0 GB": whatever more is known. */
  readonly detail?: string;
  /** While its image is fetched: for how long nothing was heard of it. */
  readonly silentMs?: number;
}

/** Why a container does not run: its last lines of log. */
export interface ContainerFailed {
  readonly type: "container.failed";
  readonly service: string;
  readonly state: ContainerState;
  readonly exitCode: number | null;
  readonly logLines: readonly string[];
}

export type StackEvent = FileWritten | StackCommand | ContainerChanged | ContainerFailed;
