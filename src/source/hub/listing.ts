import { failure } from "../../run/failures/table.ts";

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
