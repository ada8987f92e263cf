import type { ExitCode, Failure } from "../failure.ts";

export const stages = ["machine", "plan", "stack", "download", "annie"] as const;
export type Stage = (typeof stages)[number];

/** First of a run. */
export interface RunStarted {
  readonly type: "run.started";
  readonly command: string;
  readonly herosVersion: string;
  /** Every screen of a demo says so. */
  readonly demo: boolean;
  /** The stages this run goes through, in order. */
  readonly stages: readonly Stage[];
}

export interface StageStarted {
  readonly type: "stage.started";
  readonly stage: Stage;
}

export interface StageFinished {
  readonly type: "stage.finished";
  readonly stage: Stage;
  readonly outcome: "done" | "skipped" | "failed";
}

/** Something a person should know that changes no state: a choice heros made, a thing it left alone. */
export interface Notice {
  readonly type: "notice";
  readonly level: "info" | "warning";
  /** Stable and dotted, as an error's. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** A failure that does not end the run, as it is told. */
export function warningOf({ code, message, hint }: Failure): Notice {
  return { type: "notice", level: "warning", code, message, hint };
}

/** The Hub does not answer a question without which nothing goes on: it is asked again. Over with the next event of another kind that is no notice. */
export interface HubWaiting {
  readonly type: "hub.waiting";
  readonly reason: string;
  /** From 1. */
  readonly attempt: number;
  /** Until the next attempt. */
  readonly delayMs: number;
  /** Until it is given up. */
  readonly leftMs: number;
}

/** The same of an image's registry, a bucket or a folder: `ghcr.io`, `Docker Hub`, `s3://models/spark`. */
export interface RegistryWaiting extends Omit<HubWaiting, "type"> {
  readonly type: "registry.waiting";
  readonly registry: string;
}

export interface RunSucceeded {
  readonly type: "run.succeeded";
  readonly command: string;
  readonly elapsedMs: number;
  /** Sentences for the closing page: what works now, the address to open, what to know next. */
  readonly summary: readonly string[];
  /** The run was left to this process, which goes on. */
  readonly background?: { readonly pid: number };
}

export interface RunFailed {
  readonly type: "run.failed";
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly exitCode: ExitCode;
  /** Only where heros itself is at fault. */
  readonly stack?: string;
}

export interface RunCancelled {
  readonly type: "run.cancelled";
  readonly exitCode: 130;
  /** How to go on. */
  readonly hint: string;
  /** Only looking was stopped: the run is this process. */
  readonly background?: { readonly pid: number };
}

export type RunEvent =
  | RunStarted
  | StageStarted
  | StageFinished
  | Notice
  | HubWaiting
  | RegistryWaiting
  | RunSucceeded
  | RunFailed
  | RunCancelled;
