import type { FileHash } from "../file-listing.ts";
import type { DamageReason } from "../events/cache.ts";
import { exitCodes } from "../exit-codes.ts";
import { quoted } from "../shell-quote.ts";
import { formatBytes } from "../units.ts";
import { hashName } from "./download.ts";
import { row } from "./row.ts";

interface DamagedFile {
  readonly repo: string;
  readonly path: string;
  readonly hash: FileHash;
  readonly reason: DamageReason;
  readonly expected: string;
  readonly found: string | null;
}

export const storeFailures = {
  "disk.too_small": row<{
    readonly folder: string;
    readonly neededBytes: number;
    readonly freeBytes: number;
  }>({
    exitCode: exitCodes.disk,
    message: ({ folder, neededBytes, freeBytes }) =>
      `The models need ${formatBytes(neededBytes)} on the disk of ${folder}, and ${formatBytes(freeBytes)} are free.`,
    hint: ({ neededBytes, freeBytes }) =>
      `Free ${formatBytes(neededBytes - freeBytes)}, choose fewer models (--tiers 1), or give another disk with --cache-dir.`,
    formHint: ({ neededBytes, freeBytes }) =>
      `Free ${formatBytes(neededBytes - freeBytes)}, choose fewer models, or choose a folder on another disk.`,
  }),
  "cache.changed": row<{ readonly repo: string; readonly path: string }>({
    exitCode: exitCodes.failed,
    message: ({ repo, path }) => `${path} of ${repo} was removed from the cache while heros ran.`,
    hint: () => "Run heros again: it downloads what is missing.",
  }),
  "cache.foreign_link": row<{ readonly link: string; readonly uid: number }>({
    exitCode: exitCodes.failed,
    message: ({ link, uid }) =>
      `${link} is a link that another user (${uid}) made, so heros does not write through it.`,
    hint: ({ link }) =>
      `Check where it leads: ls -l ${quoted(link)}. Remove it, or choose another folder with --cache-dir.`,
  }),
  "cache.busy": row<{ readonly repo: string; readonly path: string; readonly holder: string }>({
    exitCode: exitCodes.failed,
    message: ({ repo, path, holder }) =>
      `${path} of ${repo} can't be repaired now: ${holder} works on it.`,
    hint: () => "Wait until it is done, then run heros models repair again.",
  }),
  /** `others`: how many more are not right. */
  "models.damaged": row<{ readonly first: DamagedFile; readonly others: number }>({
    exitCode: exitCodes.hash,
    message({ first, others }) {
      const more = others === 0 ? "" : ` ${others} more ${others === 1 ? "is" : "are"} not right.`;
      return `${first.path} of ${first.repo} ${damageWords(first)}.${more}`;
    },
    hint: () => "Put it right with: heros models repair",
  }),
};

function damageWords({ reason, expected, found, hash }: DamagedFile): string {
  const kind = hashName(hash);
  switch (reason) {
    case "missing":
      return `is missing; its ${kind} should be ${expected}`;
    case "link":
      return `is a link to ${found ?? "nothing"}, and should lead to the content with the ${kind} ${expected}`;
    case "size":
      return `is damaged: it has ${found ?? "0"} bytes, and should have ${expected} (${kind} ${hash.hex})`;
    case "hash":
      return `is damaged: its ${kind} is ${found ?? "unknown"}, and should be ${expected}`;
    case "unreadable":
      return `can't be read (${found ?? "unknown reason"}); its ${kind} should be ${expected}`;
  }
}
