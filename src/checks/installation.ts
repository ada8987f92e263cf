import type { Late } from "../host/time-limit.ts";
import type { Failure } from "../run/failure.ts";
import type { NeededSpace, Survey } from "../store/store.ts";

/**
 * What setup and pull made on this machine, which `heros doctor` alone looks at. Each question is asked when its answer is
 * first looked at, and with a time limit.
 */
export interface Installation {
  /** Annie's compose files are there. */
  readonly isSetUp: Promise<boolean>;
  /** The chosen models, as far as the cache tells. */
  readonly models: Promise<Survey | Late>;
  /** What keeps a model from being written to the cache; null where nothing does. */
  readonly obstacle: Promise<Obstacle | null | Late>;
  /** Of the services; null where Docker alone finds them out. */
  readonly images: Promise<ImagesFound | null | Late>;
  /** What models and images need that are still to come; null where that is not known. */
  readonly needs: Promise<readonly NeededSpace[] | null>;
}

export interface Obstacle {
  readonly failure: Failure;
  /** Annie does not come online without the model. */
  readonly required: boolean;
}

export interface ImagesFound {
  readonly count: number;
  /** Those that Docker does not have. */
  readonly lacking: readonly string[];
  /** Of them, to be downloaded. */
  readonly bytes: number;
  /** The size of some is not known. */
  readonly atLeast: boolean;
  /** Why some could not be found out. */
  readonly problems: readonly string[];
}
