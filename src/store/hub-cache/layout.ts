import { join } from "node:path";
import { type ContentPlace, stagingName } from "../contents.ts";

/** Where the Hub cache keeps a repository's things. The layout is huggingface_hub's; `.heros` and what is in it are ours. */
export interface RepoPlaces {
  readonly root: string;
  readonly blobs: string;
  readonly snapshots: string;
  readonly refs: string;
  readonly locks: string;
  /** Partials, journals and verified blobs, until a model that needs them is whole. */
  readonly staging: string;
  /** The repository's folder while it is assembled, to take its place by one rename. */
  readonly assembly: string;
}

export function placesOf(cacheDir: string, repo: string): RepoPlaces {
  const name = `models--${repo.replaceAll("/", "--")}`;
  const staging = join(cacheDir, stagingName, name);
  return {
    ...foldersOf(join(cacheDir, name)),
    locks: join(cacheDir, ".locks", name),
    staging,
    assembly: join(staging, "assembly"),
  };
}

/** The repository of a `models--…` folder; null for every other name. */
export function repoOfFolder(name: string): string | null {
  const repo = /^models--(?<name>.+)$/u.exec(name)?.groups?.["name"]?.replaceAll("--", "/");
  const sound = /^(?!.*\.\.)[\w.-]+(?:\/[\w.-]+)?$/u;
  return repo !== undefined && sound.test(repo) ? repo : null;
}

/** What is in a repository's folder. */
export function foldersOf(root: string): Pick<RepoPlaces, "root" | "blobs" | "snapshots" | "refs"> {
  return {
    root,
    blobs: join(root, "blobs"),
    snapshots: join(root, "snapshots"),
    refs: join(root, "refs"),
  };
}

export function blobPath(places: RepoPlaces, blobName: string): string {
  return join(places.blobs, blobName);
}

/** A verified blob whose model is not whole yet. */
export function stagedPath(places: RepoPlaces, blobName: string): string {
  return join(places.staging, blobName);
}

/** Not `*.incomplete`: Python's `hf cache prune` deletes those where it finds them. */
export function partialPath(places: RepoPlaces, blobName: string): string {
  return join(places.staging, `${blobName}.heros-partial`);
}

export function journalPath(places: RepoPlaces, blobName: string): string {
  return join(places.staging, `${blobName}.heros-journal`);
}

export function partialPaths(places: RepoPlaces, blobName: string): ContentPlace {
  return {
    content: stagedPath(places, blobName),
    lock: lockPath(places, blobName),
    folder: places.staging,
    partial: partialPath(places, blobName),
    journal: journalPath(places, blobName),
  };
}

/** The places of a heros that kept partials and journals beside the blobs. */
export function formerPlaces(places: RepoPlaces): RepoPlaces {
  return { ...places, staging: places.blobs };
}

/** A damaged content keeps this beside its name until a sound one is there. */
export const damagedSuffix = ".heros-damaged";

/** Held while a model's files are made visible, beside the locks of Python's client. */
export function publishLockPath(places: RepoPlaces): string {
  return join(places.locks, "heros-publish.lock");
}

/** The lock that Python's client takes for the same blob. */
export function lockPath(places: RepoPlaces, blobName: string): string {
  return join(places.locks, `${blobName}.lock`);
}

export function snapshotPath(
  places: Pick<RepoPlaces, "snapshots">,
  commit: string,
  path = "",
): string {
  return join(places.snapshots, commit, path);
}

/** What a snapshot's link says: relative, so that the cache can be moved. One more ".." for each folder inside the snapshot. */
export function linkTarget(path: string, blobName: string): string {
  const depth = path.split("/").length + 1;
  return `${"../".repeat(depth)}blobs/${blobName}`;
}

const ownPattern = /^(?<blob>[0-9a-f]{40,64})\.heros-(?:partial|journal|journal\.new|copy)$/u;

/** The blob that a partial, a journal or a copy of heros belongs to; null for every other name. */
export function leftoverOf(name: string): string | null {
  return ownPattern.exec(name)?.groups?.["blob"] ?? null;
}

/** The process of a `.heros-<pid>-snapshot` and its like, in a repository's folder; null for anything else. */
export function temporaryOwner(name: string): string | null {
  return /^\.heros-(?<pid>\d+)-(?:snapshot|link|ref)$/u.exec(name)?.groups?.["pid"] ?? null;
}
