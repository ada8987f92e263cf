import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { Source } from "../source.ts";

interface Snapshot {
  readonly repo: string;
  readonly revision: string;
  readonly commit: string;
}

/**
 * The Hub of a download of these. A commit that is gone although a branch had just led to it is no mistake of the catalog:
 * somebody has pushed to the branch again meanwhile. @throws Failure `hub.branch_moved` there
 */
export function tellMovedBranches(hub: Source, snapshots: readonly Snapshot[]): Source {
  const branches = new Map(
    snapshots
      .filter(({ revision, commit }) => revision !== commit)
      .map(({ repo, commit, revision }) => [`${repo}@${commit}`, revision]),
  );
  const told = (repo: string, commit: string) => (error: unknown) => {
    const branch = branches.get(`${repo}@${commit}`);
    const gone = error instanceof Failure && error.code === "hub.revision_not_found";
    if (branch === undefined || !gone) throw error;
    throw failure("hub.branch_moved", { repo, branch, commit }, error);
  };
  return {
    ...hub,
    requireAccess: (repo, commit, path, signal) =>
      hub.requireAccess(repo, commit, path, signal).catch(told(repo, commit)),
    open: (request) => hub.open(request).catch(told(request.repo, request.commit)),
  };
}
