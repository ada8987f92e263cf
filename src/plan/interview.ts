import type { Catalog } from "../catalog/catalog.ts";
import type { CheckFinished, Machine } from "../run/events/machine.ts";
import type { PlannedModel, PlanReady } from "../run/events/plan.ts";
import type { Secret } from "../run/secret.ts";
import type { Answers, QuestionId, TokenAnswer } from "./answers.ts";

export type TokenCheck =
  | { readonly ok: true; readonly user: string }
  | { readonly ok: false; readonly message: string };

/** A token that was found, and where a person would look for it: "HF_TOKEN", "~/.cache/huggingface/token", "~/her-os/secrets/hf_token". */
export interface FoundToken {
  readonly answer: Exclude<TokenAnswer, { source: "none" | "token-file" | "pasted" }>;
  readonly where: string;
}

/** What a screen needs to ask the questions, and what it may do while it asks. Nothing here writes a file. */
export interface Interview {
  readonly machine: Machine;
  readonly checks: readonly CheckFinished[];
  readonly catalog: Catalog;
  /** Every model of the catalog, with sizes from the Hub and what the default cache holds; `totalBytes` is 0 where the Hub gave no list without a token. */
  readonly models: readonly PlannedModel[];
  readonly tokens: readonly FoundToken[];
  /** Flags, environment, config file and earlier answers, over the defaults. */
  readonly answers: Answers;
  /** Given by flag, environment or config file: these are not asked. */
  readonly decided: ReadonlySet<QuestionId>;
  /** Where the answers are from: an earlier run that was interrupted, one that came to its end, or nowhere. */
  readonly earlier: "none" | "interrupted" | "finished";
  /** Absolute path that each storage answer stands for. */
  readonly storagePaths: { readonly "hub-cache": string; readonly "stack-dir": string };
  /** As measured against the Hub; null where it could not be. */
  readonly bytesPerSecond: number | null;
  /** What should stay free on the disk besides so many bytes of models. */
  spareBytes(missingBytes: number): number;
  /** A typed path with `~` and `$VAR` filled in. */
  expandPath(typed: string): string;
  /** Works the answers out: sizes, files with their diffs, services. Writes nothing. @throws Failure */
  preview(answers: Answers, signal?: AbortSignal): Promise<PlanReady>;
  checkToken(token: Secret, signal?: AbortSignal): Promise<TokenCheck>;
  /** Keeps the answers given so far, without any token, so that an interrupted wizard can go on. */
  remember(answers: Answers): Promise<void>;
}

/** Checks that are not right, and that a person can mend while the program waits. */
export interface FailedChecks {
  /** The worst first. */
  readonly checks: readonly CheckFinished[];
  /** Annie can't run before they are mended. */
  readonly blocking: boolean;
}

/** What the person wants: the checks again, to go on as it is, or to stop. */
export type Remediation = "again" | "onward" | "stop";
