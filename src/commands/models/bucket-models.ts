import type { CatalogModel } from "../../catalog/catalog.ts";
import { hubModel } from "../../catalog/model-name.ts";
import { calledS3, parseS3 } from "../../run/repos/s3.ts";
import { isHubOffline } from "../../source/hub/environment.ts";
import { createAskAgain, patienceMs } from "../../source/retry-policy.ts";
import { connectBucket } from "../../source/s3/bucket-hub.ts";
import type { PlacedModel } from "../../source/placed-models.ts";
import type { Source } from "../../source/source.ts";
import type { Fetching, Work } from "../command-request.ts";
import { openHub, tellHubWait } from "../open-hub.ts";

/** Buckets that models are taken from instead of the Hub. */
export interface Buckets {
  readonly models: readonly CatalogModel[];
  /** One source, which asks a bucket for what is in it, and the Hub for everything else. */
  beside(hub: Source, options?: { readonly offline?: boolean; readonly forMs?: number }): Source;
}

interface OneBucket {
  readonly place: string;
  readonly models: readonly PlacedModel[];
}

/** Reads what each of these buckets holds. @param places `s3://bucket/prefix`. @throws Failure `s3.…` (2, 4, 5), `hub.offline`; AbortError */
export async function openBuckets(
  work: Work,
  fetching: Fetching,
  places: readonly string[],
): Promise<Buckets> {
  const buckets: OneBucket[] = [];
  for (const place of new Set(places.map((text) => calledS3(parseS3(text))))) {
    buckets.push({ place, models: await modelsOf(work, place) });
  }
  const named = buckets.flatMap(({ models }) =>
    models.map(({ repo, revision }) => hubModel(repo, revision === "main" ? undefined : revision)),
  );
  return {
    models: [...new Map(named.map((model) => [model.id, model])).values()],
    beside(hub, options) {
      const sources = buckets.map(({ place, models }) => ({
        models,
        source: openHub(
          work,
          { ...fetching, endpoint: place, mirrors: [] },
          { source: "none" },
          options,
        ),
      }));
      const of = (repo: string, revision?: string): Source => {
        const found = sources.find(({ models }) =>
          models.some(
            (model) =>
              model.repo === repo &&
              (revision === undefined || [model.revision, model.commit].includes(revision)),
          ),
        );
        return found?.source ?? hub;
      };
      return {
        ...hub,
        list: async (repo, revision, signal) => of(repo, revision).list(repo, revision, signal),
        requireAccess: async (repo, commit, path, signal) =>
          of(repo, commit).requireAccess(repo, commit, path, signal),
        open: async (request) => of(request.repo, request.commit).open(request),
        failureOf: (error, repo) => of(repo).failureOf(error, repo),
        scopeOf: (failure, repo) => of(repo).scopeOf(failure, repo),
        serverOf: (repo) => of(repo).endpoint,
      };
    },
  };
}

async function modelsOf({ host, emit, signal }: Work, place: string) {
  const bucket = connectBucket({ host, endpoint: place, offline: isHubOffline(host.env) });
  const ask = createAskAgain(host, tellHubWait(emit));
  return ask(() => bucket.models(signal), { signal, forMs: patienceMs });
}
