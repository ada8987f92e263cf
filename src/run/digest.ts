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
