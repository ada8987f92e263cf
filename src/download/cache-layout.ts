import { join } from "node:path";

/** Where the Hub cache keeps a repository's things. The layout is huggingface_hub's; partials and journals are ours. */
export interface RepoPlaces {
  readonly root: string;
  readonly blobs: string;
  readonly snapshots: string;
  readonly refs: string;
  readonly locks: string;
}

export function placesOf(cacheDir: string, repo: string): RepoPlaces {
  const name = `models--${repo.replaceAll("/", "--")}`;
  const root = join(cacheDir, name);
  return {
    root,
    blobs: join(root, "blobs"),
    snapshots: join(root, "snapshots"),
    refs: join(root, "refs"),
    locks: join(cacheDir, ".locks", name),
  };
}

export function blobPath(places: RepoPlaces, blobName: string): string {
  return join(places.blobs, blobName);
}

/** Not `*.incomplete`: Python's `hf cache prune` deletes those. */
export function partialPath(places: RepoPlaces, blobName: string): string {
  return join(places.blobs, `${blobName}.heros-partial`);
}

export function journalPath(places: RepoPlaces, blobName: string): string {
  return join(places.blobs, `${blobName}.heros-journal`);
}

/** The lock that Python's client takes for the same blob. */
export function lockPath(places: RepoPlaces, blobName: string): string {
  return join(places.locks, `${blobName}.lock`);
}

export function snapshotPath(places: RepoPlaces, commit: string, path = ""): string {
  return join(places.snapshots, commit, path);
}

/** What a snapshot's link says: relative, so that the cache can be moved. One more ".." for each folder inside the snapshot. */
export function linkTarget(path: string, blobName: string): string {
  const depth = path.split("/").length + 1;
  return `${"../".repeat(depth)}blobs/${blobName}`;
}

/** By the cache directory tagging standard (bford.info/cachedir): backups leave it out. */
export const cacheTag = {
  name: "CACHEDIR.TAG",
  text: "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by heros.\n# For information about cache directory tags, see:\n#\thttps://bford.info/cachedir/\n",
};
