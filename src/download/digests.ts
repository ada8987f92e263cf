import { createHash } from "node:crypto";
import type { FileHash } from "../hub/listing.ts";
import type { Digests } from "./hash-messages.ts";

/** Hashes as they go: sha256 of the content, and git's blob sha1, which puts the length before it. */
export function createDigests(sizeBytes: number, withGitSha1: boolean) {
  const sha256 = createHash("sha256");
  const git = withGitSha1 ? createHash("sha1").update(`blob ${sizeBytes}\0`) : null;
  return {
    update(bytes: Uint8Array): void {
      sha256.update(bytes);
      git?.update(bytes);
    },
    finish: (): Digests => ({
      sha256: sha256.digest("hex"),
      gitSha1: git?.digest("hex") ?? null,
    }),
  };
}

/** What the Hub's listing promises, of the two. */
export function promisedDigest(hash: FileHash, digests: Digests): string | null {
  return hash.algorithm === "sha256" ? digests.sha256 : digests.gitSha1;
}
