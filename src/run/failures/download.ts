import type { FileHash } from "../file-listing.ts";
import { exitCodes } from "../exit-codes.ts";
import { row } from "./row.ts";

export const downloadFailures = {
  /** The source sent wrong bytes each time. */
  "download.hash_mismatch": row<{
    readonly repo: string;
    readonly path: string;
    readonly hash: FileHash;
    readonly found: string | null;
  }>({
    exitCode: exitCodes.hash,
    message: ({ repo, path, hash, found }) =>
      `${path} of ${repo} does not match the Hub's checksum: its ${hashName(hash)} is ${found ?? "unknown"}, expected ${hash.hex}.`,
    hint: () =>
      "heros downloaded it three times. Run heros again later. If it fails again, check for a proxy or a mirror that alters files.",
  }),
};

/** As people call it. */
export function hashName({ algorithm }: FileHash): string {
  return algorithm === "sha256" ? "SHA-256" : "git SHA-1";
}
