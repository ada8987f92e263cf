import type { FileHash } from "../file-listing.ts";
import { exitCodes } from "../exit-codes.ts";
import { row } from "./row.ts";

export const downloadFailures = {
  /** The source gave wrong bytes, time after time. */
  "download.hash_mismatch": row<{
    readonly repo: string;
    readonly path: string;
    readonly hash: FileHash;
    readonly found: string | null;
  }>({
    exitCode: exitCodes.hash,
    message: ({ repo, path, hash, found }) =>
      `${path} of ${repo} does not have the content that the Hub promises: its ${hashName(hash)} is ${found ?? "nothing"}, and should be ${hash.hex}.`,
    hint: () =>
      "It was fetched three times. Run heros again later; if it stays so, look for a proxy or a mirror that changes files.",
  }),
};

/** As people call it. */
export function hashName({ algorithm }: FileHash): string {
  return algorithm === "sha256" ? "SHA-256" : "git SHA-1";
}
