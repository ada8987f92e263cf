import type { CatalogModel, RepoFiles } from "../../catalog/catalog.ts";
import { hubModel } from "../../catalog/model-name.ts";
import type { Host } from "../../host/host.ts";
import { failure } from "../../run/failures/table.ts";
import { parseModelsPlace } from "../../run/repos/models-place.ts";
import { connectFolder } from "../../source/folder/folder.ts";
import { isHubOffline } from "../../source/hub/environment.ts";
import { calledModel, type ModelsSource } from "../../source/placed-models.ts";
import { createAskAgain, patienceMs } from "../../source/retry-policy.ts";
import { connectBucket } from "../../source/s3/bucket-hub.ts";
import type { Source } from "../../source/source.ts";
import { untilAnswered } from "../../source/until-answered.ts";
import type { Work } from "../command-request.ts";
import { tellPlaceWait } from "../open-hub.ts";

export interface PlaceOptions {
  /** The place is not asked, whatever the environment says. */
  readonly offline?: boolean;
  /** How long an answer is waited for, where that is not the usual ten minutes. */
  readonly forMs?: number;
}

/** Buckets and folders that models are taken from instead of the Hub. */
export interface Places {
  /** One source, which asks a place for what is taken from it, and the Hub for everything else. */
  beside(hub: Source, options?: PlaceOptions): Source;
}

/**
 * The models that these places hold, each to be taken from there.
 * @param names `s3://…`, `file:///…`, a path, `https://…`
 * @throws Failure `s3.…`, `folder.…` (1, 2, 4, 5), `hub.offline`; AbortError
 */
export async function modelsOfPlaces(
  { host, emit, signal }: Work,
  names: readonly string[],
): Promise<CatalogModel[]> {
  const found = new Map<string, CatalogModel>();
  for (const name of new Set(names)) {
    const place = parseModelsPlace(name, host);
    const source = connectPlace(host, place.called, {});
    const ask = createAskAgain(host, tellPlaceWait(emit, place.called));
    const all = await ask(() => source.models(signal), { signal, forMs: patienceMs });
    const wanted = place.kind === "folder" ? place.folder.model : null;
    const { repo: only, revision: at } = wanted ?? { repo: null, revision: null };
    const own = all.filter(
      ({ repo, revision, commit }) =>
        (only === null || repo === only) && (at === null || [revision, commit].includes(at)),
    );
    if (only !== null && own.length === 0) {
      const known = all.map((model) => calledModel(model));
      const missing = { repo: only, revision: at ?? "main", known };
      throw failure("folder.model_not_found", { place: place.called, ...missing });
    }
    for (const { repo, revision } of own) {
      const model = hubModel(repo, revision === "main" ? undefined : revision, place.called);
      if (!found.has(model.id)) found.set(model.id, model);
    }
  }
  return [...found.values()];
}

/** Asks nothing yet. A folder of this machine can be read without a network, too. */
function connectPlace(host: Host, name: string, { offline }: PlaceOptions): ModelsSource {
  const place = parseModelsPlace(name, host);
  const isOffline = (isFar: boolean): boolean => offline ?? (isFar && isHubOffline(host.env));
  if (place.kind === "bucket") {
    return connectBucket({ host, endpoint: place.called, offline: isOffline(true) });
  }
  const { folder } = place;
  return connectFolder({ host, place: folder, offline: isOffline(folder.kind === "web") });
}

/** The places that parts of these models name. Asks nothing yet. */
export function openPlaces(
  { host, emit }: Pick<Work, "host" | "emit">,
  models: readonly Pick<CatalogModel, "parts">[],
): Places {
  const parts = models.flatMap((model) => model.parts);
  // Where two places have the same, the first is asked.
  const placed = parts.flatMap(({ from, ...part }) =>
    from === undefined ? [] : [{ ...part, from }],
  );
  const named = new Map(placed.toReversed().map((part) => [keyOf(part), part.from]));
  const repos = new Map(placed.toReversed().map((part) => [part.repo, part.from]));
  /** Some revisions of these are the Hub's. */
  const mixed = new Set(parts.filter((part) => !named.has(keyOf(part))).map(({ repo }) => repo));
  /** As places listed them. Shared: one source lists what another fetches. */
  const commits = new Map<string, string>();
  const placeOf = (repo: string, revision?: string): string | undefined => {
    const key = keyOf({ repo, revision: revision ?? "" });
    const isOnly = revision === undefined || !mixed.has(repo);
    return named.get(key) ?? commits.get(key) ?? (isOnly ? repos.get(repo) : undefined);
  };
  return {
    beside(hub, { forMs = patienceMs, ...options } = {}) {
      const sources = new Map(
        [...new Set(repos.values())].map((place) => {
          const ask = createAskAgain(host, tellPlaceWait(emit, place));
          return [place, untilAnswered(connectPlace(host, place, options), ask, forMs)];
        }),
      );
      const of = (repo: string, revision?: string): Source =>
        sources.get(placeOf(repo, revision) ?? "") ?? hub;
      return {
        ...hub,
        offline: hub.offline && [...sources.values()].every(({ offline }) => offline),
        list: async (repo, revision, signal) => {
          const place = placeOf(repo, revision);
          const listing = await of(repo, revision).list(repo, revision, signal);
          if (place !== undefined) commits.set(keyOf({ repo, revision: listing.commit }), place);
          return listing;
        },
        requireAccess: async (repo, commit, path, signal) =>
          of(repo, commit).requireAccess(repo, commit, path, signal),
        open: async (request) => of(request.repo, request.commit).open(request),
        failureOf: (error, repo) => of(repo).failureOf(error, repo),
        scopeOf: (error, repo) => of(repo).scopeOf(error, repo),
        serverOf: (repo) => of(repo).serverOf?.(repo) ?? of(repo).endpoint,
      };
    },
  };
}

function keyOf({ repo, revision }: Pick<RepoFiles, "repo" | "revision">): string {
  return `${repo}\n${revision}`;
}
