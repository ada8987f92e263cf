import type { CatalogModel, RepoFiles } from "./catalog.ts";

/** A repository whose files are in an image. */
export interface BakedRepo {
  readonly repo: string;
  /** Null where it is not said: then it is the one that the image was built for. */
  readonly revision: string | null;
}

/** @param label `owner/large@06f233fe, owner/small`; what is no repository is passed over */
export function parseBakedLabel(label: string): BakedRepo[] {
  return label.split(",").flatMap((entry) => {
    const [, repo, revision = null] = /^([\w.-]+\/[\w.-]+)(?:@(\S+))?$/.exec(entry.trim()) ?? [];
    return repo === undefined ? [] : [{ repo, revision }];
  });
}

/** What is left to download of models, some of whose repositories are in the image. */
export interface BakedSplit {
  readonly models: readonly CatalogModel[];
  /** Of these there is nothing left. */
  readonly baked: readonly CatalogModel[];
}

export function withoutBaked(
  models: readonly CatalogModel[],
  repos: readonly BakedRepo[],
): BakedSplit {
  const isBaked = (part: RepoFiles): boolean =>
    repos.some(
      ({ repo, revision }) =>
        repo === part.repo && (revision === null || revision === part.revision),
    );
  const left = models.flatMap((model) => {
    if (!model.parts.some(isBaked)) return [model];
    const [first, ...rest] = model.parts.filter((part) => !isBaked(part));
    return first === undefined ? [] : [{ ...model, parts: [first, ...rest] as const }];
  });
  return {
    models: left,
    baked: models.filter(({ id }) => !left.some((model) => model.id === id)),
  };
}
