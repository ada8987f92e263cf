/** A tier of models; lower ones come first. */
export interface Tier {
  readonly id: number;
  readonly name: string;
  /** Annie can't do without it: it can't be left out. */
  readonly required: boolean;
  /** Chosen unless the person says otherwise. */
  readonly default: boolean;
}

/** Files of one repository at one revision. */
export interface RepoFiles {
  /** `openai/whisper-large-v3`. */
  readonly repo: string;
  /** A commit (40 hex digits) or a branch. */
  readonly revision: string;
  /** Globs over paths in the repository; null means every file. */
  readonly files: readonly string[] | null;
}

export interface CatalogModel {
  readonly id: string;
  readonly title: string;
  /** The tier's id. */
  readonly tier: number;
  /** "Speech-to-text". */
  readonly purpose: string;
  /** Name in Annie's health contract; null where the model brings none of its own. */
  readonly capability: string | null;
  /** Memory it takes once loaded, in GiB. */
  readonly memoryGib: number;
  /** Its own repository first, then what it needs of others. Never empty. */
  readonly parts: readonly [RepoFiles, ...RepoFiles[]];
}

/** Which models a stack needs. Checked: ids are unique, each model's tier exists. */
export interface Catalog {
  readonly stack: string;
  /** By id, ascending. */
  readonly tiers: readonly Tier[];
  /** By tier, then in the catalog's order. */
  readonly models: readonly CatalogModel[];
}
