import type { Catalog } from "../catalog/catalog.ts";
import type { Host } from "../host/host.ts";
import type { EndpointMemory } from "../source/mirrors.ts";
import type { TokenAnswer } from "../plan/answers.ts";
import type { Answers } from "../plan/questions.ts";
import type { Person } from "../plan/interview.ts";
import type { AnswerValues } from "../plan/resolve.ts";
import type { Emit } from "../run/event.ts";
import type { OtherPort, PlanReady } from "../run/events/plan.ts";
import type { Program } from "../record/detach.ts";
import type { SettingValues } from "../plan/settings.ts";
import type { PauseSwitch } from "../run/run-control.ts";

/** What every piece of work has at hand. */
export interface Work {
  readonly host: Host;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Milliseconds since the run began. */
  readonly elapsedMs: () => number;
  /** Which addresses of the Hub failed, for all that ask them. */
  readonly endpoints: EndpointMemory;
  /** Turned by a key while models are fetched; absent where nobody can. */
  readonly pause?: PauseSwitch | undefined;
}

/** Where models come from and how; shared by `setup` and `pull`. */
export interface Fetching {
  readonly catalog: Catalog;
  /** The Hub's address, without a slash at its end. */
  readonly endpoint: string;
  /** Asked where the endpoint fails, in order of preference; without the token. */
  readonly mirrors: readonly string[];
  /** Cache given by flag, environment or config file; null means that the answers decide. */
  readonly cacheDir: string | null;
  /** Of heros itself: answers, listings, logs. */
  readonly stateDir: string;
  readonly limitBytesPerSecond: number | null;
  readonly maxConnections: number | null;
  /** Images stay in the cache, beside Docker's own copy. */
  readonly keepImages: boolean;
  /** From `--token-file` and its like. */
  readonly tokenFile: TokenAnswer | null;
}

export interface SetupRequest extends Fetching {
  readonly stackDir: string;
  readonly assetsDir: string;
  /** Of this machine, at which the stack answers. */
  readonly port: number;
  /** Nobody named the port. */
  readonly isPortOpen?: boolean;
  /** Chosen because something else has the usual one. */
  readonly otherPort?: OtherPort;
  /** The port that was asked for, where the user's compose file publishes another whatever is asked. */
  readonly ignoredPort?: number;
  readonly onlineTimeoutMs: number;
  /** From the weakest to the strongest: config file, environment, flags. */
  readonly decided: readonly AnswerValues[];
  /** Settings that were given, wherever. */
  readonly given?: SettingValues;
  /** What starts heros, for the service that continues this setup after a reboot; left out where none may. */
  readonly program?: Program;
  readonly dryRun: boolean;
  /** Hears the answers, once there is consent, and when it was given: 0 where nobody was asked. */
  readonly onSettled?: (answers: Answers, agreedAtMs: number) => void;
  /** The closing page where it is not the usual one; null where nothing was started. */
  readonly summary?: (online: Online | null, plan: PlanReady) => Promise<string[]>;
  /** Who is asked; without `ask`, nobody. */
  readonly person: Pick<Person, "ask" | "remedy">;
}

/** What a setup came to. */
export interface Online {
  readonly url: string;
  /** What came over the network in this run. */
  readonly fetchedBytes: number;
  /** From the first byte to the last that was verified, as `download.finished` tells it. */
  readonly downloadedInMs: number;
  /** How long it took for the catalog's test question; null where it names none. */
  readonly answeredInMs: number | null;
}
