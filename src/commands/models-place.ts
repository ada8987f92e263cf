import path from "node:path";
import { placeFailure } from "../checks/disks.ts";
import type { Host } from "../host/host.ts";
import { lookAtPlace } from "../host/places.ts";
import type { AnswerValues } from "../plan/resolve.ts";
import type { FilePlace } from "../run/file-failure.ts";
import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { findCacheDir } from "../source/hub/environment.ts";
import { isIncomplete, type Survey } from "../store/store.ts";
import { type Overruled, recallAnswers, type RememberedAnswers } from "./gather-settings.ts";
import type { Fetching, Work } from "./command-request.ts";

/** Of a run: what it was told of places. */
export interface PlaceSettings extends Pick<Fetching, "cacheDir" | "stateDir"> {
  readonly stackDir: string;
  /** From the weakest to the strongest: config file, environment, flags. */
  readonly decided: readonly AnswerValues[];
}

/** The same settings, once it is known where the models are. */
export type Placed<Settings> = Settings & { readonly cacheDir: string };

/** The absolute path that each answer to the question of the storage stands for. */
export function storagePaths(host: Pick<Host, "env" | "home" | "cwd">, stackDir: string) {
  return { "hub-cache": findCacheDir(host), "stack-dir": path.join(stackDir, "models") } as const;
}

/** The path of one answer. One that was kept or given as a text, and is none of them, counts as the default. */
export function placeOf(paths: ReturnType<typeof storagePaths>, storage: string): string {
  if (storage === "stack-dir") return paths["stack-dir"];
  return storage.startsWith("/") ? storage : paths["hub-cache"];
}

/**
 * Where models are, for every command that asks nobody: as flags, heros' own variables or the config file say; else as the
 * Hub's variables say; else where the last setup put them; else the Hub's default.
 */
export function modelsPlace(
  host: Pick<Host, "env" | "home" | "cwd">,
  { cacheDir, stackDir, decided }: PlaceSettings,
  remembered: RememberedAnswers,
): string {
  if (cacheDir !== null) return cacheDir;
  const paths = storagePaths(host, stackDir);
  const chosen = decided.findLast(({ storage }) => storage !== undefined)?.storage?.[0];
  const kept = remembered.cacheDir ?? remembered.answers.storage?.[0];
  return placeOf(paths, chosen ?? kept ?? "hub-cache");
}

/** Finds out where the models are, and says so where that is not where the last setup put them. */
export async function placeModels<Settings extends PlaceSettings>(
  { host, emit }: Pick<Work, "host" | "emit">,
  settings: Settings,
): Promise<Placed<Settings>> {
  const remembered = await recallAnswers(host, settings.stateDir);
  const cacheDir = modelsPlace(host, settings, remembered);
  const { overruled } = remembered;
  if (overruled !== null && cacheDir === findCacheDir(host)) emit(overruledNotice(overruled));
  return { ...settings, cacheDir };
}

/** The environment names another cache than the one that the last setup filled. */
export function overruledNotice({ variable, cacheDir, instead }: Overruled) {
  return {
    type: "notice",
    level: "warning",
    code: "cache.environment_wins",
    message: `${variable} is set, so heros uses the models in ${instead}, not those of the last setup in ${cacheDir}.`,
    hint: `To use ${cacheDir}, unset ${variable} or add --cache-dir.`,
  } as const;
}

/** Why what is missing can't be kept there; null where it can, and where nothing is missing: then the cache may be read-only. */
export async function placeFailureOf(
  { host }: Pick<Work, "host">,
  survey: Survey,
): Promise<Failure | null> {
  if (!isIncomplete(survey)) return null;
  return placeFailure(await lookAtPlace(host, survey.cacheDir), { area: "cache", home: host.home });
}

/** Before anything is written. @throws Failure `cache.…`, `disk.…` (exit 1) */
export async function requirePlace(work: Pick<Work, "host">, survey: Survey): Promise<void> {
  const refused = await placeFailureOf(work, survey);
  if (refused !== null) throw refused;
}

/** Whether models, or Annie's files, can be kept there. @throws Failure `cache.…`, `stack.…`, `disk.…` (exit 1) */
export async function requireWritable(
  { host }: Pick<Work, "host">,
  folder: string,
  area: FilePlace["area"] = "cache",
): Promise<void> {
  const unusable = placeFailure(await lookAtPlace(host, folder), { area, home: host.home });
  if (unusable !== null) throw unusable;
}

/** A cache behind a link to a disk that is not mounted is not an empty one. @throws Failure `cache.broken_link` (exit 1) */
export async function requireMounted(
  { host }: Pick<Work, "host">,
  cacheDir: string,
): Promise<void> {
  const { dangling } = await lookAtPlace(host, cacheDir);
  if (dangling !== null) throw failure("cache.broken_link", dangling);
}
