import type { DamageReason } from "../events/cache.ts";
import { quoted } from "../shell-quote.ts";
import { formatBytes } from "../units.ts";
import { type FileHash, schemeOf } from "../repos/file-listing.ts";
import { exitCodes, row } from "../failure.ts";

/** As people call it. */
function hashName({ algorithm }: FileHash): string {
  return algorithm === "sha256" ? "SHA-256" : "git SHA-1";
}

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
    /** What does not fit. */
    readonly what: "models" | "images" | "models and images" | "upgrade";
    readonly folder: string;
    readonly neededBytes: number;
    readonly freeBytes: number;
    /** Unpacked images are part of what is needed. */
    readonly estimated?: boolean;
  }>({
    exitCode: exitCodes.disk,
    message: ({ what, folder, neededBytes, freeBytes, estimated = false }) =>
      `Not enough disk space in ${folder}: the ${what} ${what === "upgrade" ? "needs" : "need"} ${estimated ? "about " : ""}${formatBytes(neededBytes)}${estimated ? " (unpacked: an estimate)" : ""}, and ${formatBytes(freeBytes)} is free.`,
    hint: ({ what, neededBytes, freeBytes }) => {
      const free = `Free ${formatBytes(neededBytes - freeBytes)}`;
      if (what === "upgrade") return `Nothing was changed. ${free}, then run this again.`;
      const docker = what === "models" ? "" : " What Docker uses: docker system df";
      return what === "images"
        ? `${free}, then run this again.${docker}`
        : `${free}, choose fewer models (--tiers 1), or choose a folder on another disk with --cache-dir.${docker}`;
    },
    formHint: ({ neededBytes, freeBytes }) =>
      `Free ${formatBytes(neededBytes - freeBytes)}, choose fewer models, or choose a folder on another disk.`,
  }),
  /** The source sent wrong bytes each time. */
  "download.hash_mismatch": row<{
    readonly repo: string;
    readonly path: string;
    readonly hash: FileHash;
    readonly found: string | null;
    /** Where it came from: the Hub's address, or `s3://bucket/prefix`. */
    readonly server?: string;
  }>({
    exitCode: exitCodes.hash,
    message: ({ repo, path, hash, found, server = "" }) => {
      const whose = /^(?:s3:\/\/|\/)/u.test(server)
        ? `its checksum in ${server}`
        : "the Hub's checksum";
      const [what, promise] =
        schemeOf(repo) === "hub"
          ? [`${path} of ${repo}`, whose]
          : [`A layer of ${repo.replace(/^\w+:/u, "")}`, "its digest"];
      return `${what} does not match ${promise}: its ${hashName(hash)} is ${found ?? "unknown"}, expected ${hash.hex}.`;
    },
    hint: () =>
      "heros downloaded it three times. Run heros again later. If it fails again, check for a proxy or a mirror that alters files.",
  }),
  "cache.changed": row<{ readonly repo: string; readonly path: string }>({
    exitCode: exitCodes.failed,
    message: ({ repo, path }) =>
      `${path} of ${repo} was removed from the cache while heros was running.`,
    hint: () => "Run heros again: it downloads the missing files.",
  }),
  "cache.foreign_link": row<{ readonly link: string; readonly uid: number }>({
    exitCode: exitCodes.failed,
    message: ({ link, uid }) =>
      `${link} is a link created by another user (UID ${uid}), so heros does not write through it.`,
    hint: ({ link }) =>
      `See where it points: ls -l ${quoted(link)}. Remove the link, or choose another folder with --cache-dir.`,
  }),
  "cache.busy": row<{ readonly repo: string; readonly path: string; readonly holder: string }>({
    exitCode: exitCodes.failed,
    message: ({ repo, path, holder }) =>
      `Can't repair ${path} of ${repo} now: ${holder} is using it.`,
    hint: () => "Wait until it finishes, then run heros models repair again.",
  }),
  /** `others`: how many more are damaged or missing. */
  "models.damaged": row<{ readonly first: DamagedFile; readonly others: number }>({
    exitCode: exitCodes.hash,
    message({ first, others }) {
      const more =
        others === 0
          ? ""
          : ` ${others} more ${others === 1 ? "file is" : "files are"} damaged or missing.`;
      return `${first.path} of ${first.repo} ${damageWords(first)}.${more}`;
    },
    hint: () => "Repair: heros models repair",
  }),
};

function damageWords({ reason, expected, found, hash }: DamagedFile): string {
  const kind = hashName(hash);
  // Of a file that is no link, nobody promised anything.
  const promised = hash.hex === "" ? "" : `${kind} ${hash.hex}`;
  switch (reason) {
    case "missing":
      return promised === "" ? "is missing" : `is missing (expected ${promised})`;
    case "link":
      return `is a link to ${found ?? "nothing"} instead of to the file with ${kind} ${expected}`;
    case "size":
      return `is damaged: it has ${found ?? "0"} bytes, expected ${expected}${promised === "" ? "" : ` (${promised})`}`;
    case "hash":
      return `is damaged: its ${kind} is ${found ?? "unknown"}, expected ${expected}`;
    case "unreadable":
      return `can't be read (${found ?? "unknown reason"}${promised === "" ? "" : `; expected ${promised}`})`;
  }
}
