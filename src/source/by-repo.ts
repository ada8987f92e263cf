import { isImageRepo } from "../run/file-listing.ts";
import type { Source } from "./source.ts";

/** The Hub and the registries of images as one source, so that one pool of connections serves both. */
export function sourceByRepo({
  hub,
  images,
}: {
  readonly hub: Source;
  readonly images: Source;
}): Source {
  const of = (repo: string): Source => (isImageRepo(repo) ? images : hub);
  return {
    endpoint: hub.endpoint,
    offline: hub.offline && images.offline,
    list: (repo, revision, signal) => of(repo).list(repo, revision, signal),
    requireAccess: (repo, commit, path, signal) =>
      of(repo).requireAccess(repo, commit, path, signal),
    open: (request) => of(request.repo).open(request),
    failureOf: (error, repo) => of(repo).failureOf(error, repo),
    scopeOf: (failure, repo) => of(repo).scopeOf(failure, repo),
    serverOf: (repo) => of(repo).serverOf?.(repo) ?? of(repo).endpoint,
  };
}
