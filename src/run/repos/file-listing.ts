/** A file as a source lists it. */
export interface ListedFile {
  /** In the repository, with "/" between folders. Checked: it stays inside a snapshot folder. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Name of the blob in the cache: the sha256 of an LFS file, the git blob sha1 of another. */
  readonly blobName: string;
  readonly hash: FileHash;
}

/** The files of a repository at a revision. */
export interface Listing {
  readonly repo: string;
  /** As it was asked for: a branch, a tag or a commit. */
  readonly revision: string;
  /** 40 hex digits. */
  readonly commit: string;
  readonly files: readonly ListedFile[];
}

/** What fetches a repository and keeps it. Of `oci:ghcr.io/owner/core`, "oci"; a name without a colon is the Hub's. */
export type RepoScheme = "hub" | "oci" | "ollama" | "s3";
const schemes: readonly RepoScheme[] = ["oci", "ollama", "s3"];

/** @param repo as sources and stores name it */
export function schemeOf(repo: string): RepoScheme {
  return schemes.find((scheme) => repo.startsWith(`${scheme}:`)) ?? "hub";
}

/** A repository of container images. Every other holds models. */
export function isImageRepo(repo: string): boolean {
  return schemeOf(repo) === "oci";
}

/** What has to be fetched of an image, each content once: its configuration, and its layers from the lowest on. A file's path is its digest. */
export function imageFilesOf({
  config,
  layers,
}: {
  readonly config: { readonly digest: string; readonly sizeBytes: number };
  readonly layers: readonly { readonly digest: string; readonly sizeBytes: number }[];
}): ListedFile[] {
  const sizes = new Map([config, ...layers].map(({ digest, sizeBytes }) => [digest, sizeBytes]));
  return [...sizes].map(([path, sizeBytes]) => {
    const hex = path.replace(/^sha256:/u, "");
    return { path, sizeBytes, blobName: hex, hash: { algorithm: "sha256", hex } };
  });
}

/** The id of an image among all that is wanted, which is no model's. */
export function imageIdOf(name: string): string {
  return `oci:${name}`;
}

export function imageNameOf(id: string): string {
  return id.replace(/^oci:/u, "");
}

export const commitPattern = /^[0-9a-f]{40}$/u;

/** What a content must hash to. */
export interface FileHash {
  readonly algorithm: "sha256" | "git-sha1";
  readonly hex: string;
}

/** What a content hashes to, in hex; `gitSha1` only where it was asked for. */
export interface Digests {
  readonly sha256: string;
  readonly gitSha1: string | null;
}

/** The one of the two that was promised. */
export function promisedDigest(hash: FileHash, digests: Digests): string | null {
  return hash.algorithm === "sha256" ? digests.sha256 : digests.gitSha1;
}

/** A path under which other files lie, too: no disk has such a file. Undefined where there is none. */
export function fileThatIsFolder(paths: Iterable<string>): string | undefined {
  const all = new Set(paths);
  for (const path of all) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const folder = path.slice(0, end);
      if (all.has(folder)) return folder;
    }
  }
  return undefined;
}
