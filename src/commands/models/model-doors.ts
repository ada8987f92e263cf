import type { CatalogModel } from "../../catalog/catalog.ts";
import type { TokenAnswer } from "../../plan/answers.ts";
import { schemeOf } from "../../run/repos/file-listing.ts";
import { quoted } from "../../run/shell-quote.ts";
import { isHubOffline } from "../../source/hub/environment.ts";
import { type Source, sourceByRepo } from "../../source/source.ts";
import { storeByRepo } from "../../store/by-repo.ts";
import { openHubCache } from "../../store/hub-cache/hub-cache.ts";
import { findOllamaModels, requireOllamaFolder } from "../../store/ollama/folder.ts";
import type { Store } from "../../store/store.ts";
import type { Fetching, Work } from "../command-request.ts";
import type { Places } from "./places.ts";
import type { CacheFallback } from "../download-models.ts";
import type { Placed } from "../models-place.ts";
import { cacheFallback, openHub, tellRegistryWait } from "../open-hub.ts";

/** Where the wanted models come from, and where they go. */
export interface ModelDoors {
  readonly source: Source;
  readonly store: Store;
  readonly fallback: CacheFallback;
  /** Makes a source of any Hub and of the buckets and folders that the models name. */
  readonly beside: Places["beside"];
  /** Those that models go to. */
  readonly folders: readonly string[];
  /** What to do with them, for the closing page. */
  readonly endWords: readonly string[];
}

export interface DoorsRequest {
  readonly fetching: Placed<Fetching>;
  readonly token: TokenAnswer;
  readonly models: readonly Pick<CatalogModel, "id" | "parts">[];
  /** Of the Hub's models, where it is not the plain cache. */
  readonly hubStore?: Store;
}

export function isOllama({ parts: [{ repo }] }: DoorsRequest["models"][number]): boolean {
  return schemeOf(repo) === "ollama";
}

/** The Hub and its cache, and what else the models need; each is loaded where one does. */
export async function openModelDoors(work: Work, request: DoorsRequest): Promise<ModelDoors> {
  const { host } = work;
  const { fetching, token, models, hubStore } = request;
  const { cacheDir } = fetching;
  const fallbackOfHub = cacheFallback(work, fetching, token);
  const beside = await besidePlaces(work, models);
  const hub: ModelDoors = {
    source: beside(openHub(work, fetching, token)),
    store: hubStore ?? openHubCache({ host, cacheDir }),
    fallback: {
      ...fallbackOfHub,
      offline: beside(fallbackOfHub.offline, { offline: true }),
      impatient: beside(fallbackOfHub.impatient, { forMs: 0 }),
    },
    beside,
    folders: models.every(isOllama) ? [] : [cacheDir],
    endWords: [],
  };
  const ofOllama = models.filter(isOllama);
  if (ofOllama.length === 0) return { ...hub, folders: [cacheDir] };
  const ollama = await openOllamaDoors(work, fetching.ollamaDir);
  const { fallback } = hub;
  return {
    source: sourceByRepo({ hub: hub.source, ollama: ollama.source }),
    store: storeByRepo({ hub: hub.store, ollama: ollama.store }),
    fallback: {
      ...fallback,
      offline: sourceByRepo({ hub: fallback.offline, ollama: ollama.offline }),
      impatient: sourceByRepo({ hub: fallback.impatient, ollama: ollama.impatient }),
    },
    beside,
    folders: [...hub.folders, ollama.store.folder],
    endWords: [`Ollama sees ${ofOllama.length === 1 ? "it" : "them"}: ollama list`],
  };
}

/** Loaded where a model names a place. */
async function besidePlaces(work: Work, models: DoorsRequest["models"]): Promise<Places["beside"]> {
  const isPlaced = models.some(({ parts }) => parts.some(({ from }) => from !== undefined));
  if (!isPlaced) return (hub) => hub;
  const { openPlaces } = await import("./places.ts");
  return openPlaces(work, models).beside;
}

/** Of an Ollama that was installed for the whole machine. */
const systemFolder = "/usr/share/ollama";

/** Where a person's own Ollama has no folder yet, the machine's may have one: models of the first are not seen by the second. */
export async function tellOtherOllama(
  { host, emit }: Pick<Work, "host" | "emit">,
  models: DoorsRequest["models"],
): Promise<void> {
  if (!models.some(isOllama) || host.env["OLLAMA_MODELS"] !== undefined) return;
  const modelsDir = findOllamaModels(host);
  const [own, ofSystem] = await Promise.all(
    [modelsDir, systemFolder].map((folder) => host.files.stat(folder).catch(() => null)),
  );
  if (own !== null || ofSystem === null) return;
  const systems = `${systemFolder}/.ollama/models`;
  emit({
    type: "notice",
    level: "warning",
    code: "ollama.other_folder",
    message: `Ollama on this machine seems to read its models from ${systems}. These are downloaded to ${modelsDir}.`,
    hint: `To download them there: sudo env OLLAMA_MODELS=${quoted(systems)} "$(command -v heros)" pull MODEL`,
  });
}

/** @throws Failure `settings.bad_value` (exit 2) */
async function openOllamaDoors({ host, emit }: Work, modelsDir: string) {
  requireOllamaFolder(host, modelsDir);
  const [{ openOllama }, { openOllamaStore }] = await Promise.all([
    import("../../source/ollama/ollama.ts"),
    import("../../store/ollama/ollama-store.ts"),
  ]);
  const manifests = new Map<string, Buffer>();
  const shared = { host, manifests };
  const offline = isHubOffline(host.env);
  return {
    source: openOllama({
      ...shared,
      offline,
      onRetry: tellRegistryWait(emit),
    }),
    offline: openOllama({ ...shared, offline: true }),
    impatient: openOllama({ ...shared, offline, forMs: 0 }),
    store: openOllamaStore({ host, modelsDir }),
  };
}
