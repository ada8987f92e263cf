import { dirname, join } from "node:path";
import type { Host } from "../../host/host.ts";
import type { ListedFile } from "../../run/repos/file-listing.ts";
import { isRecord, parseJson } from "../../run/json.ts";
import { writeAtomically } from "../../host/text-files.ts";
import { failure } from "../../run/failures/table.ts";
import { Failure } from "../../run/failure.ts";
import type { Source } from "../source.ts";

/** Of an answer of `heros serve`: the list is not all of the commit, so that it must not be kept for it. In small letters, as clients read it. */
export const partialHeader = "x-heros-partial";

/** Listings of commits never change, so each is asked for once. */
export interface ListingCache {
  /** Null where there is none, or where it is torn or wrong: it is asked for again then. */
  read(repo: string, commit: string): Promise<readonly ListedFile[] | null>;
  /** A listing that can't be kept is not an error: the next run asks again. */
  write(repo: string, commit: string, files: readonly ListedFile[]): Promise<void>;
}

export function listingCache(
  host: Pick<Host, "files" | "pid" | "random">,
  folder: string | null,
): ListingCache {
  return {
    async read(repo, commit) {
      if (folder === null) return null;
      const text = await host.files.readFile(pathOf(folder, repo, commit), "utf8").catch(() => "");
      return filesOf(parseJson(text), repo, commit);
    },
    async write(repo, commit, list) {
      // Of an empty one there is nothing to keep, and it may be a slip.
      if (folder === null || list.length === 0) return;
      const path = pathOf(folder, repo, commit);
      const content = `{"v":1,"repo":${JSON.stringify(repo)},"commit":"${commit}","files":[\n${list
        .map((file) => JSON.stringify(file))
        .join(",\n")}\n]}\n`;
      await host.files
        .mkdir(dirname(path), { recursive: true })
        .then(() => writeAtomically({ host, path, content, mode: 0o644, durable: false }))
        .catch(() => {});
    },
  };
}

function pathOf(root: string, repo: string, commit: string): string {
  return join(root, `${repo.replace("/", "--")}@${commit}.json`);
}

/** Checked by hand: zod takes longer to load than a pull of what is in the cache may take. */
function filesOf(value: unknown, repo: string, commit: string): readonly ListedFile[] | null {
  if (!isRecord(value) || value["v"] !== 1) return null;
  if (value["repo"] !== repo || value["commit"] !== commit) return null;
  const files: unknown = value["files"];
  return Array.isArray(files) && files.length > 0 && files.every(isListedFile) ? files : null;
}

function isListedFile(value: unknown): value is ListedFile {
  if (!isRecord(value) || !isRecord(value["hash"])) return false;
  const { path, sizeBytes, blobName, hash } = value;
  return (
    typeof path === "string" &&
    isSafePath(path) &&
    Number.isSafeInteger(sizeBytes) &&
    Number(sizeBytes) >= 0 &&
    isHex(blobName) &&
    isHex(hash["hex"]) &&
    (hash["algorithm"] === "sha256" || hash["algorithm"] === "git-sha1")
  );
}

function isHex(value: unknown): boolean {
  return typeof value === "string" && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/u.test(value);
}

/** Checks the names of one listing, one after the other. @throws Failure `hub.unsafe_path` for a name that would leave the cache folder, or that two files share. */
export function pathCheck(repo: string): (path: string) => void {
  const seen = new Set<string>();
  return (path) => {
    if (isSafePath(path) && !seen.has(path)) {
      seen.add(path);
      return;
    }
    throw failure("hub.unsafe_path", { repo, path });
  };
}

/** Whether a relative name stays inside the folder that it is put in, on every file system. */
export function isSafePath(path: string): boolean {
  if (path === "" || path.length > 4096 || /[\0\\]/u.test(path)) return false;
  if (!path.isWellFormed()) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** `owner/name` or `name`, as the Hub allows them; nothing that means a folder elsewhere. */
export function isRepoId(repo: string): boolean {
  return (
    repo.length <= 200 &&
    /^[\w.-]+(?:\/[\w.-]+)?$/u.test(repo) &&
    !repo.includes("..") &&
    !repo.includes("--") &&
    repo.split("/").every((part) => part !== ".")
  );
}

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
