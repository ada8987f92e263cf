/** A catalog as lists show it. */
export interface CatalogSummary {
  /** What `--catalog` takes: a name of ours, or a file. */
  readonly name: string;
  readonly stack: string;
  readonly title: string;
  /** Those that can be chosen. */
  readonly groups: readonly {
    readonly id: string;
    readonly title: string;
    readonly priority: number;
    readonly required: boolean;
    readonly default: boolean;
    /** Ids of its models, with those of the groups that it requires. */
    readonly models: readonly string[];
  }[];
  readonly services: readonly string[];
  readonly models: number;
}

/** The catalogs that ship with heros. */
export interface CatalogsListed {
  readonly type: "catalogs.listed";
  readonly catalogs: readonly CatalogSummary[];
}

/** A catalog was read, and nothing in it is wrong. */
export interface CatalogChecked {
  readonly type: "catalog.checked";
  readonly catalog: CatalogSummary;
  readonly schema: number;
}

export type CatalogEvent = CatalogsListed | CatalogChecked;
