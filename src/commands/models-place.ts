import path from "node:path";
import type { Stack } from "../catalog/stack.ts";
import type { Host } from "../host/host.ts";
import { findOllamaModels } from "../store/ollama/folder.ts";
import { placeFailure } from "../checks/disks.ts";
import { lookAtPlace } from "../host/places.ts";
import { mountOf } from "../plan/storage.ts";
import type { AnswerValues } from "../plan/resolve.ts";
import type { FilePlace } from "../run/file-failure.ts";
import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { schemeOf } from "../run/repos/file-listing.ts";
import { findCacheDir } from "../source/hub/environment.ts";
import { isIncomplete, itemsOf, type Survey, surveyOf } from "../store/store.ts";
import { type Overruled, recallAnswers, type RememberedAnswers } from "./remembered-answers.ts";
import type { Fetching, Work } from "./command-request.ts";
import { makeStorage, reachStorage } from "./reach-storage.ts";

/** Of a run: what it was told of places. */
export interface PlaceSettings extends Pick<Fetching, "catalog" | "cacheDir" | "stateDir"> {
  readonly stackDir: string;
  /** From the weakest to the strongest: config file, environment, flags. */
  readonly decided: readonly AnswerValues[];
}

/** The same settings, once it is known where the models are. */
export type Placed<Settings> = Settings & ModelPlaces;

/** Where models are on this machine, by what reads them. */
export interface ModelPlaces {
  /** Of the Hub: the folder that holds `models--…`. */
  readonly cacheDir: string;
  /** Of Ollama: the folder of `blobs` and `manifests`. */
  readonly ollamaDir: string;
}

/** Where the stores are in a storage: each where its own programs look, or below a folder that was chosen. */
export function placesIn(
  host: Host,
  {
    storage,
    folder,
    layout,
  }: {
    readonly storage: string;
    /** As `reachStorage` found it. */
    readonly folder: string;
    readonly layout: Stack["layout"];
  },
): ModelPlaces {
  if (storage === "hub-cache") return { cacheDir: folder, ollamaDir: findOllamaModels(host) };
  return {
    cacheDir: path.join(folder, layout.hub),
    ollamaDir: path.join(folder, layout.ollama),
  };
}

/**
 * Where models are, for every command that asks nobody: as flags, heros' own variables or the config file say; else as the
 * Hub's variables say; else where the last setup put them; else the Hub's default.
 * @throws Failure `cache.out_of_reach` (1); AbortError
 */
export async function modelsPlace(
  { host, signal }: Pick<Work, "host" | "signal">,
  { catalog, cacheDir, stackDir, decided }: PlaceSettings,
  remembered: RememberedAnswers,
): Promise<ModelPlaces> {
  if (cacheDir !== null) return { cacheDir, ollamaDir: findOllamaModels(host) };
  const storage = storageOf(decided, remembered);
  const { layout } = catalog.stack;
  const reach = async () => {
    const folder = await reachStorage(host, { stackDir, storage, signal });
    return placesIn(host, { storage, folder, layout });
  };
  const kept = remembered.cacheDir;
  if (chosenStorage(decided) !== undefined || kept === null) return reach();
  // A way into a volume has to be opened. Of an answer that was given but never agreed to, it is of no use.
  if (mountOf(storage).kind !== "folder") return { ...(await reach()), cacheDir: kept };
  const isShared = storage === "hub-cache" || kept === storage;
  return {
    cacheDir: kept,
    ollamaDir: isShared ? findOllamaModels(host) : (await reach()).ollamaDir,
  };
}

/** What was chosen as the place of models, or remembered. */
export function storageOf(
  decided: readonly AnswerValues[],
  { answers }: RememberedAnswers,
): string {
  return chosenStorage(decided) ?? answers.storage?.[0] ?? "hub-cache";
}

/** As `placeModels`, for a command that fills the place: a volume that is not there yet is made. @throws as `reachStorage` */
export async function placeAndMake<Settings extends PlaceSettings>(
  work: Pick<Work, "host" | "emit" | "signal">,
  settings: Settings,
): Promise<Placed<Settings>> {
  const { host, signal } = work;
  const remembered = await recallAnswers(host, settings.stateDir, settings.stackDir);
  const placed = await placeBy(work, settings, remembered);
  if (settings.cacheDir === null) {
    await makeStorage(host, { storage: storageOf(settings.decided, remembered), signal });
  }
  return placed;
}

/** As flags, environment or config file say. */
function chosenStorage(decided: readonly AnswerValues[]): string | undefined {
  return decided.findLast(({ storage }) => storage !== undefined)?.storage?.[0];
}

/** Finds out where the models are, and says so where that is not where the last setup put them. */
export async function placeModels<Settings extends PlaceSettings>(
  work: Pick<Work, "host" | "emit" | "signal">,
  settings: Settings,
): Promise<Placed<Settings>> {
  return placeBy(
    work,
    settings,
    await recallAnswers(work.host, settings.stateDir, settings.stackDir),
  );
}

async function placeBy<Settings extends PlaceSettings>(
  { host, emit, signal }: Pick<Work, "host" | "emit" | "signal">,
  settings: Settings,
  remembered: RememberedAnswers,
): Promise<Placed<Settings>> {
  const places = await modelsPlace({ host, signal }, settings, remembered);
  const { overruled } = remembered;
  if (overruled !== null && places.cacheDir === findCacheDir(host)) {
    emit(overruledNotice(overruled));
  }
  return { ...settings, ...places };
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
  // Other stores judge their own folders.
  const inCache = itemsOf(survey).filter(
    ({ snapshots: [first] }) => first === undefined || schemeOf(first.repo) !== "ollama",
  );
  if (!isIncomplete(surveyOf(survey, inCache))) return null;
  return placeFailure(await lookAtPlace(host, survey.cacheDir), { area: "cache", home: host.home });
}

/** Before anything is written. @throws Failure `cache.…`, `disk.…` (exit 1) */
export async function requirePlace(work: Pick<Work, "host">, survey: Survey): Promise<void> {
  const refused = await placeFailureOf(work, survey);
  if (refused !== null) throw refused;
}

/** Whether models, or the stack's files, can be kept there. @throws Failure `cache.…`, `stack.…`, `disk.…` (exit 1) */
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
