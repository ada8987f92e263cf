import type { Machine } from "../run/events/machine.ts";
import type { Container, Listing } from "../docker/containers.ts";
import type { StackState } from "../health/health.ts";
import type { Late } from "../host/time-limit.ts";
import type { CertificateFile } from "../machine/certificates.ts";
import type { Failure } from "../run/failure.ts";
import type { NeededSpace, Survey } from "../store/store.ts";

/**
 * What setup and pull made on this machine, which `heros doctor` alone looks at. Each question is asked when its answer is
 * first looked at, and with a time limit.
 */
export interface Installation {
  /** The stack's compose files are there. */
  readonly isSetUp: Promise<boolean>;
  /** A setup or a pull goes on in the background. */
  readonly isRunning: Promise<boolean>;
  /** The chosen models, as far as the cache tells; null where it can't be reached. */
  readonly models: Promise<Survey | null | Late>;
  /** What keeps a model from being written to the cache; null where nothing does. */
  readonly obstacle: Promise<Obstacle | null | Late>;
  /** Of the services; null where Docker alone finds them out. */
  readonly images: Promise<ImagesFound | null | Late>;
  /** What the stack says of itself. */
  readonly health: Promise<HealthFound | Late>;
  /** Its containers, stopped ones too. */
  readonly containers: Promise<Listing | Late>;
  /** Why one of them does not run. */
  readonly troubleOf: (container: Container) => Promise<ContainerTrouble | Late>;
  /** The models in its container; null where it does not run, or nobody says. */
  readonly mounts: Promise<MountsFound | null | Late>;
  /** The files that heros writes, as a setup would find them. @param gpu there is one */
  readonly files: (machine: Pick<Machine, "gpu" | "memoryBytes">) => Promise<FilesFound | Late>;
  /** Tokens of the Hub that heros finds. */
  readonly tokens: Promise<readonly TokenFound[] | Late>;
  /** Names of images that interrupted runs left in Docker. */
  readonly leftNames: Promise<readonly string[] | Late>;
  /** Files of certificates that the environment names. */
  readonly certificates: Promise<readonly CertificateFile[] | Late>;
  /** How far this machine's clock is ahead of the Hub's, in milliseconds; null where the Hub does not say. */
  readonly clock: Promise<number | null | Late>;
  /** What models and images need that are still to come; null where that is not known. */
  readonly needs: Promise<readonly NeededSpace[] | null>;
}

export interface ContainerTrouble {
  /** With which a setup would end, the last lines of its log among its words. */
  readonly failure: Failure;
  /** It is the stack's own, or one that it waits for. */
  readonly isNeeded: boolean;
  /** The kernel killed it for its memory. */
  readonly outOfMemory: boolean;
}

export interface TokenFound {
  /** As a person would look for it: "HF_TOKEN", "~/.cache/huggingface/token". */
  readonly where: string;
  /** Absolute; null where it is no file. */
  readonly path: string | null;
  /** Users other than its owner may read it. */
  readonly isOpen: boolean;
  /** By the Hub, now. */
  readonly isRefused: boolean;
}

export interface HealthFound {
  readonly state: StackState;
  /** Where it answers, or should. */
  readonly url: string;
  /** Why it is not online; null where it is. */
  readonly problem: Failure | null;
  /** How long it took for the catalog's test question; null where it was not asked. */
  readonly answeredInMs: number | null;
}

export interface MountsFound {
  readonly container: string;
  /** As its container runs; null where it has no models mounted. */
  readonly real: string | null;
  /** As its compose files say. */
  readonly wanted: string;
}

/** Files that are not as a setup would write them. */
export interface FilesFound {
  /** Why a setup can't write them. */
  readonly failure: Failure | null;
  readonly files: readonly {
    /** Absolute. */
    readonly path: string;
    /** `edited`: by hand, since heros wrote it. `outdated`: by other answers, or by an older heros. `unnamed`: it leaves out heros' own file. */
    readonly state: "missing" | "edited" | "outdated" | "unnamed";
  }[];
  /** The `.env` where it holds passwords and others may read it: its absolute path. */
  readonly openEnv: string | null;
}

export interface Obstacle {
  readonly failure: Failure;
  /** The stack does not come online without the model. */
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
