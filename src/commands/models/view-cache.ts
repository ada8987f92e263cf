import { type CatalogModel, modelsOfGroups, noPriority } from "../../catalog/catalog.ts";
import type { Wanted } from "../../checks/detect.ts";
import { answerLimitMs, late, withinLimit } from "../../host/time-limit.ts";
import { countBytes } from "../../run/byte-ranges.ts";
import { type Listing, schemeOf } from "../../run/repos/file-listing.ts";
import type { Source } from "../../source/source.ts";
import { openHubCache } from "../../store/hub-cache/hub-cache.ts";
import { placesOf } from "../../store/hub-cache/layout.ts";
import { namesIn } from "../../store/read-folder.ts";
import { isWhole, type Store, type Survey } from "../../store/store.ts";
import { listFromStore, surveyModels } from "../download-models.ts";
import type { ListedModel } from "../../run/events/cache.ts";
import type { Notice } from "../../run/events/run.ts";
import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { FoundImages } from "../images/find-images.ts";
import type { Placed } from "../models-place.ts";
import { openModelDoors } from "./model-doors.ts";
import { givenToken, openHub } from "../open-hub.ts";
import type { Fetching, Work } from "../command-request.ts";

/** The Hub is asked for a listing at most as long: the cache can answer most of the question without it. */
const patienceMs = 10_000;

export interface CacheView {
  readonly survey: Survey;
  /** Lists from what is kept first; asks for bytes as any other. */
  readonly source: Source;
}

/**
 * When the Hub is asked what belongs to a repository: `never`; where it is not `known` from an earlier run; or `always`
 * for what can change, and then the cache's own word is not taken for it.
 */
export type Asking = "never" | "unknown" | "always";

export interface CacheViewRequest {
  readonly fetching: Placed<Fetching>;
  readonly models: readonly CatalogModel[];
  readonly ask: Asking;
  /** Nobody is asked what belongs to these: they are what is here of them. */
  readonly others?: readonly CatalogModel[];
}

/** Looks at the cache with the listings that are kept, and asks the Hub only for those that are not. @throws AbortError */
export async function viewCache(work: Work, request: CacheViewRequest): Promise<CacheView> {
  const { host, signal } = work;
  const { fetching, ask, others = [] } = request;
  const models = [...request.models, ...others];
  const token = await givenToken(host, fetching);
  const {
    source: online,
    store,
    fallback,
    beside,
  } = await openModelDoors(work, { fetching, token, models });
  const limit = { forMs: patienceMs };
  const patient = beside(openHub(work, fetching, token, limit), limit);
  const list: Source["list"] = (repo, revision, own) =>
    (schemeOf(repo) === "hub" ? patient : fallback.impatient).list(repo, revision, own);
  const never = new Set(others.flatMap(({ parts }) => parts.map(({ repo }) => repo)));
  const source = cacheFirst(work, {
    online: { ...online, list },
    offline: fallback.offline,
    store,
    askOf: (repo) => (never.has(repo) ? "never" : ask),
  });
  const survey = await surveyModels({ source, store, models, signal, lenient: true });
  return { survey, source: { ...source, offline: online.offline } };
}

/** What of these sets is in the cache, as far as it is known without asking the Hub; null where it is not. */
export async function surveyKept(
  work: Work,
  fetching: Placed<Fetching>,
  groups: readonly string[],
): Promise<Wanted | null> {
  const { host, signal } = work;
  const models = modelsOfGroups(fetching.catalog, groups);
  const found = await withinLimit({ host, signal, limitMs: answerLimitMs(host) }, () =>
    viewCache(work, { fetching, models, ask: "never" }),
  );
  return found === late ? null : wantedOf(work, found.survey, null);
}

/** What is still to come of models and images, and the space for it; null where it is not known which files a model has. */
export async function wantedOf(
  { host }: Pick<Work, "host">,
  survey: Survey,
  images: FoundImages | null,
): Promise<Wanted | null> {
  if (survey.models.some(({ problem }) => problem !== null)) return null;
  const store = openHubCache({ host, cacheDir: survey.cacheDir });
  if (images === null) return { survey, needs: await store.neededSpace(survey) };
  const { neededSpace } = await import("../images/find-images.ts");
  return { survey, needs: await neededSpace({ store, survey }, images) };
}

interface Listers {
  readonly online: Source;
  readonly offline: Source;
  readonly store: Store;
  readonly askOf: (repo: string) => Asking;
}

/** A source that knows what is kept of it: of a branch, the commit that the cache has. */
function cacheFirst({ emit }: Work, { online, offline, store, askOf }: Listers): Source {
  const kept = async (repo: string, revision: string, signal: AbortSignal) => {
    const commit = await store.commitOf(repo, revision);
    if (commit === null) return null;
    const listing = await offline.list(repo, commit, signal).catch((error: unknown) => {
      if (error instanceof Failure) return null;
      throw error;
    });
    if (listing !== null) return { ...listing, revision };
    // Of the others than the Hub's, what is here says itself all that belongs to it.
    if (schemeOf(repo) === "hub") return null;
    const files = await store.listSnapshot(repo, commit);
    return files.length === 0 ? null : { repo, revision, commit, files };
  };
  return {
    ...online,
    offline: false,
    async list(repo, revision, signal): Promise<Listing> {
      const ask = askOf(repo);
      if (ask === "always") return patiently(online, repo, revision, signal);
      const known = await kept(repo, revision, signal);
      if (known !== null) return known;
      let problem: Failure | null = null;
      if (ask === "unknown" && !online.offline) {
        try {
          return await patiently(online, repo, revision, signal);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          problem = error;
        }
      }
      try {
        const listing = await listFromStore({ source: offline, store, repo, revision, signal });
        if (ask === "unknown") emit(judgedByCache(repo, problem));
        return listing;
      } catch (error) {
        signal.throwIfAborted();
        throw problem ?? error;
      }
    },
  };
}

/** @throws Failure of the Hub, or that it takes too long; AbortError */
async function patiently(
  hub: Source,
  repo: string,
  revision: string,
  signal: AbortSignal,
): Promise<Listing> {
  const limit = AbortSignal.timeout(patienceMs);
  try {
    return await hub.list(repo, revision, AbortSignal.any([signal, limit]));
  } catch (cause) {
    signal.throwIfAborted();
    if (!limit.aborted) throw cause;
    throw failure("hub.unreachable", { endpoint: hub.endpoint, asked: repo }, cause);
  }
}

function judgedByCache(repo: string, problem: Failure | null): Notice {
  return {
    type: "notice",
    level: "warning",
    code: "models.judged_by_cache",
    message: `Can't get the list of files of ${repo} from the Hub: only its cached files are known.`,
    hint: problem === null ? "HF_HUB_OFFLINE is set." : problem.message,
  };
}

/** Those of which the cache has a repository, whole or not. */
export async function cachedModels(
  { host }: Work,
  cacheDir: string,
  models: readonly CatalogModel[],
): Promise<CatalogModel[]> {
  const there = await Promise.all(
    models.map(async ({ parts }) => {
      const places = parts.map(({ repo }) => placesOf(cacheDir, repo));
      const folders = places.flatMap(({ root, staging }) => [root, staging]);
      const names = await Promise.all(folders.map((folder) => namesIn(host.files, folder)));
      return names.some((each) => each.length > 0);
    }),
  );
  return models.filter((_model, index) => there[index] === true);
}

/** The survey's models, as people ask for them: here, partly, missing. */
export function listedModels(
  survey: Survey,
  models: readonly CatalogModel[],
  baked: readonly CatalogModel[] = [],
): ListedModel[] {
  const inImage = baked.map(
    ({ id, title, priority: tier, purpose, parts: [{ repo }] }): ListedModel => {
      const none = { totalBytes: 0, receivedBytes: 0, path: null };
      return { id, title, tier, purpose, repo, state: "baked", ...none };
    },
  );
  const inCache = survey.models.map((surveyed): ListedModel => {
    const { id, label, purpose, totalBytes, snapshots, problem } = surveyed;
    const repo = models.find((model) => model.id === id)?.parts[0].repo ?? id;
    const named = { ...label, purpose, repo };
    if (problem !== null) {
      return { ...named, state: "unknown", totalBytes: null, receivedBytes: 0, path: null };
    }
    const own = survey.blobs.filter((blob) => blob.neededBy.includes(id));
    const receivedBytes = own.reduce(
      (sum, { cached, sizeBytes, held }) => sum + (cached ? sizeBytes : countBytes(held)),
      0,
    );
    const whole = isWhole(surveyed);
    const path = whole ? (snapshots[0]?.path ?? null) : null;
    const state = whole ? "here" : receivedBytes > 0 ? "partly" : "missing";
    return { ...named, state, totalBytes, receivedBytes, path };
  });
  const place = ({ tier }: ListedModel): number => (tier === noPriority ? Number.MAX_VALUE : tier);
  return [...inImage, ...inCache].toSorted((one, other) => place(one) - place(other));
}
