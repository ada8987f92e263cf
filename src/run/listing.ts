import type { FileHash } from "./digest.ts";

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

export const commitPattern = /^[0-9a-f]{40}$/u;
