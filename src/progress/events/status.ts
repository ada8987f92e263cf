import type { AnnieModel } from "./annie.ts";
import type { ListedModel } from "./models.ts";

/** How everything is: what is on disk, and what Annie says. Told once, and while it is watched whenever it changed. */
export interface StatusRead {
  readonly type: "status.read";
  /** `online`: healthy, with all of the first tier's capabilities. `absent`: Annie does not answer. */
  readonly annie: "online" | "degraded" | "starting" | "absent";
  readonly url: string;
  /** Her own word; `unreachable` where nobody answers. */
  readonly health: string;
  readonly capabilities: Readonly<Record<string, boolean>>;
  /** Chosen capabilities that she does not have yet. */
  readonly lacking: readonly string[];
  /** What she says of her models. */
  readonly loading: Readonly<Record<string, AnnieModel>>;
  /** The chosen tiers. */
  readonly tiers: readonly number[];
  readonly cacheDir: string;
  /** The chosen models, in tier order. */
  readonly models: readonly ListedModel[];
  /** Of the models whose size is known. */
  readonly receivedBytes: number;
  readonly totalBytes: number;
  /** An earlier setup was interrupted before its end. */
  readonly interrupted: boolean;
}

export type StatusEvent = StatusRead;
