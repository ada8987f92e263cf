import { sideBySide } from "../run/concurrency.ts";
import { Failure } from "../run/failure.ts";
import type { ListedFile, Listing } from "../run/listing.ts";
import type { Source } from "../source/source.ts";
import {
  type Store,
  sumBytes,
  sumSurvey,
  type Survey,
  type SurveyedBlob,
  type SurveyedModel,
  type SurveyedSnapshot,
} from "../store/store.ts";
import { type CacheFallback, chooseFiles, listFiles } from "./list-files.ts";

/** What of a catalog's model the download needs. */
export interface ModelRequest {
  readonly id: string;
  readonly title: string;
  readonly tier: number;
  readonly purpose: string;
  readonly parts: readonly RequestedPart[];
}

export interface RequestedPart {
  readonly repo: string;
  readonly revision: string;
  /** Patterns; null means every file. */
  readonly files: readonly string[] | null;
}

export interface SurveyRequest {
  readonly source: Source;
  readonly store: Store;
  readonly models: readonly ModelRequest[];
  readonly signal: AbortSignal;
  /** A model that can't be listed gets its `problem` instead of ending the survey. */
  readonly lenient?: boolean;
  /** Left out, a source that can't be asked is an error whatever the store has. */
  readonly fallback?: CacheFallback;
}

/**
 * Lists the models' files and looks at what the store holds of them. Writes nothing there. A model's tier is its priority.
 * @throws Failure of the source, `hub.file_not_found` for a file name that the repository does not have; AbortError
 */
export async function surveyModels(request: SurveyRequest): Promise<Survey> {
  const { store, signal } = request;
  const listings = new Map<string, Promise<Listing>>();
  const ordered = request.models.toSorted((a, b) => a.tier - b.tier);
  const listed = await sideBySide(ordered, 8, signal, (model, either) =>
    listModel({ ...request, signal: either }, model, listings),
  );

  const linkedFiles = await lookAtLinks(request, listed);

  const blobs = new Map<string, SurveyedBlob>();
  const models: SurveyedModel[] = [];
  for (const { model, parts, problem } of listed) {
    const own = new Map<string, SurveyedBlob>();
    const snapshots: SurveyedSnapshot[] = [];
    for (const { part, listing, files } of parts) {
      const { repo, commit } = listing;
      const looked = await sideBySide(files, 64, signal, async (file) => {
        const linked = linkedFiles.has(file);
        const key = `${repo}\n${file.blobName}`;
        const known = blobs.get(key);
        const state =
          known ?? (linked ? { cached: true, held: [] } : await store.lookUp(repo, file));
        const users = [...new Set([...(known?.models ?? []), model.id])];
        const priority = model.tier;
        const blob = { priority, repo, commit, ...file, ...known, ...state, models: users };
        return { key, blob, link: { path: file.path, blobName: file.blobName, linked } };
      });
      for (const { key, blob } of looked) {
        blobs.set(key, blob);
        own.set(key, blob);
      }
      const path = store.locate(repo, commit);
      const links = looked.map(({ link }) => link);
      snapshots.push({ repo, revision: part.revision, commit, path, files: links });
    }
    const { id, title, tier, purpose } = model;
    const label = { id, title, tier };
    const sums = sumBytes([...own.values()]);
    models.push({ id, title, purpose, label, priority: tier, ...sums, snapshots, problem });
  }

  const all = { models, blobs: [...blobs.values()] };
  const freeBytes = await store.freeBytes();
  return { cacheDir: store.folder, ...all, ...sumSurvey(all), freeBytes };
}

/** The files that their snapshot has already, of all models at once: most of the time is waiting for the disk. */
async function lookAtLinks(
  { store, signal }: SurveyRequest,
  listed: readonly { readonly parts: readonly ListedPart[] }[],
): Promise<ReadonlySet<ListedFile>> {
  const wanted = listed.flatMap(({ parts }) =>
    parts.flatMap(({ listing, files }) => files.map((file) => ({ listing, file }))),
  );
  const linked = new Set<ListedFile>();
  await sideBySide(wanted, 64, signal, async ({ listing: { repo, commit }, file }) => {
    if (await store.hasFile(repo, commit, file)) linked.add(file);
  });
  return linked;
}

interface ListedPart {
  readonly part: RequestedPart;
  readonly listing: Listing;
  readonly files: Listing["files"];
}

async function listModel(
  request: SurveyRequest,
  model: ModelRequest,
  listings: Map<string, Promise<Listing>>,
): Promise<{ model: ModelRequest; parts: ListedPart[]; problem: Failure | null }> {
  const { source, store, signal, fallback } = request;
  try {
    const parts = await Promise.all(
      model.parts.map(async (part) => {
        const { repo, revision } = part;
        const key = `${repo}\n${revision}`;
        const wanted = request.models
          .flatMap(({ parts: others }) => others)
          .filter((other) => other.repo === repo && other.revision === revision)
          .map((other) => other.files);
        const asked =
          listings.get(key) ??
          listFiles({ source, store, repo, revision, signal, fallback, wanted });
        listings.set(key, asked);
        const listing = await asked;
        return { part, listing, files: chooseFiles(listing, part.files) };
      }),
    );
    return { model, parts, problem: null };
  } catch (error) {
    if (request.lenient === true && error instanceof Failure)
      return { model, parts: [], problem: error };
    throw error;
  }
}
