import type { Secret } from "../run/secret.ts";

/** Where a token is from; `kept`: by an earlier setup, in the stack's folder. A pasted one is in memory until the person says yes to the plan. */
export type TokenAnswer =
  | { readonly source: "none" }
  | { readonly source: FoundSource; readonly token: Secret; readonly where?: string }
  | { readonly source: "token-file"; readonly token: Secret }
  | { readonly source: "pasted"; readonly token: Secret };

/** Where heros looks for tokens by itself. */
export type FoundSource = "environment" | "hub-file" | "kept";

/** Where models live: the Hub cache that other programs share, a folder of the stack, or an absolute path. */
export type StorageAnswer = "hub-cache" | "stack-dir" | `/${string}`;

export type Startup = "progressive" | "wait";

/** One answer to each question. */
export interface Answers {
  /** Consent to go on although the machine is not a Spark. Not asked on a Spark. */
  readonly unsupported: boolean;
  /** Tier ids, ascending; required ones always among them. */
  readonly tiers: readonly number[];
  readonly token: TokenAnswer;
  /** The token is kept in the stack's folder; false: used for this run, and in no file. Asked only where there is a token. */
  readonly keepToken: boolean;
  readonly storage: StorageAnswer;
  readonly startup: Startup;
}

export type QuestionId = keyof Answers;
