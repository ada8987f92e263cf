import type { ListedFile } from "../run/repos/file-listing.ts";
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
