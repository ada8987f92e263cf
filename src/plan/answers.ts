import type { Capacity } from "../catalog/capacity.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { CheckFinished, Machine } from "../run/events/machine.ts";
import type { PlannedModel } from "../run/events/plan.ts";
import type { Secret } from "../run/secret.ts";
import type { FoundVolume } from "./storage.ts";

/** Where a token is from; `kept`: by an earlier setup, in the stack's folder. A pasted one is in memory until the person says yes to the plan. */
export type TokenAnswer =
  | { readonly source: "none" }
  | { readonly source: FoundSource; readonly token: Secret; readonly where?: string }
  | { readonly source: "token-file"; readonly token: Secret }
  | { readonly source: "pasted"; readonly token: Secret };

/** Where heros looks for tokens by itself. */
export type FoundSource = "environment" | "hub-file" | "kept";

/** A token that was found, and where a person would look for it: "HF_TOKEN", "~/.cache/huggingface/token", "~/stack/secrets/hf_token". */
export interface FoundToken {
  readonly answer: Exclude<TokenAnswer, { source: "none" | "token-file" | "pasted" }>;
  readonly where: string;
}

/** `warmup`: as `wait`, and a container of the stack looks for the models at every start. */
export type Startup = "progressive" | "wait" | "warmup";

/** The service of the user's own systemd that can continue a setup after a reboot. */
export interface BootService {
  /** Its unit, as a person writes the path: "~/.config/systemd/user/heros-resume.service". */
  readonly file: string;
  /** It starts with the machine, and not first when the user logs in. */
  readonly lingers: boolean;
}

/** What the options of questions are made from. */
export type OptionFacts = Pick<
  Circumstances,
  | "catalog"
  | "capacity"
  | "models"
  | "tokens"
  | "storagePaths"
  | "volumes"
  | "bytesPerSecond"
  | "bootService"
>;

/** What the questions are about: this machine, and what there is to choose from. */
export interface Circumstances {
  readonly machine: Machine;
  readonly checks: readonly CheckFinished[];
  readonly catalog: Catalog;
  /** What this machine has for models; null where nobody looked. */
  readonly capacity: Capacity | null;
  /** What services beside the stack take of the same memory. */
  readonly servicesGib: number;
  /** Every model of the catalog, with sizes from the Hub and what the default cache holds; `totalBytes` is 0 where the Hub gave no list without a token. */
  readonly models: readonly PlannedModel[];
  readonly tokens: readonly FoundToken[];
  /** Absolute path that each storage answer stands for. */
  readonly storagePaths: { readonly "hub-cache": string; readonly "stack-dir": string };
  /** Docker volumes with models of an earlier install, the fullest first. */
  readonly volumes: readonly FoundVolume[];
  /** Null where there is no systemd to continue it, or nothing to continue. */
  readonly bootService: BootService | null;
  /** As measured against the Hub; null where it could not be. */
  readonly bytesPerSecond: number | null;
  /** What should stay free on the disk besides so many bytes of models. */
  spareBytes(missingBytes: number): number;
  /** A typed path with `~` and `$VAR` filled in. */
  expandPath(typed: string): string;
}
