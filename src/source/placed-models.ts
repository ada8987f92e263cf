import type { ListedFile, Listing } from "../run/repos/file-listing.ts";
import type { Source } from "./source.ts";

/** A model's files in a bucket or a folder. */
export interface PlacedModel {
  /** Its name on the Hub: `OWNER/REPO`. */
  readonly repo: string;
  /** As it was pushed: a branch, a tag or a commit. */
  readonly revision: string;
  readonly commit: string;
  readonly files: readonly PlacedFile[];
}

export interface PlacedFile extends ListedFile {
  /** In the bucket, or below the folder. */
  readonly key: string;
}

/** A source of the Hub's models that knows which it has. */
export interface ModelsSource extends Source {
  models(signal: AbortSignal): Promise<readonly PlacedModel[]>;
}

/** As `heros pull` takes it. */
export function calledModel({ repo, revision }: Pick<PlacedModel, "repo" | "revision">): string {
  return revision === "main" ? repo : `${repo}@${revision}`;
}

/** The files of a model by its revision or, where none is called so, its commit; null where it is not among these. */
export function listingOf(
  models: readonly PlacedModel[],
  { repo, revision }: Pick<PlacedModel, "repo" | "revision">,
): Listing | null {
  const own = models.filter((model) => model.repo === repo);
  const found =
    own.find((model) => model.revision === revision) ??
    own.find((model) => model.commit === revision);
  if (found === undefined) return null;
  const { commit } = found;
  return { repo, revision, commit, files: found.files.map(({ key: _key, ...file }) => file) };
}
