import type { Leftover } from "../../run/events/cache.ts";
import { copySuffix } from "./layout.ts";
import { damagedSuffix } from "./repair.ts";

const dayMs = 24 * 60 * 60 * 1000;
const blobPattern = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/u;
const ownPattern = /^(?<blob>[0-9a-f]{40,64})\.heros-(?:partial|journal|journal\.new|copy)$/u;
const incompletePattern = /^(?<blob>[0-9a-f]{40,64})(?:\.[0-9a-f]{8})?\.incomplete$/u;

export interface BlobFolderState {
  /** Null: not known. */
  readonly wanted: ReadonlySet<string> | null;
  /** Null: not known. */
  readonly linked: ReadonlySet<string> | null;
  /** Since the entry was written to. */
  readonly ageMs: number;
  /** All entries of the folder. */
  readonly names: readonly string[];
  /** Another process that holds a lock of this repository. */
  readonly holder: string | null;
}

type Verdict =
  | { readonly kind: Leftover; readonly blobName: string }
  | { readonly reason: string }
  | null;

const unknown = "it is not known which files the catalog needs of this repository";

/**
 * Whether an entry of a `blobs` folder is left over: what it is, why it is kept although it looks so, or null where it is
 * needed or not ours to judge.
 */
export function classifyBlobEntry(name: string, state: BlobFolderState): Verdict {
  const { wanted, linked, ageMs, names, holder } = state;
  if (name.endsWith(damagedSuffix)) {
    return { kind: "damaged", blobName: name.slice(0, -damagedSuffix.length) };
  }
  const own = leftoverOf(name);
  if (own !== null) {
    // A journal alone says nothing of anything, and a copy that was broken off begins from its beginning.
    if (name.endsWith(copySuffix) || !names.includes(`${own}.heros-partial`))
      return { kind: "partial", blobName: own };
    if (wanted === null) return { reason: unknown };
    return wanted.has(own) ? null : { kind: "partial", blobName: own };
  }
  const incomplete = incompletePattern.exec(name)?.groups?.["blob"];
  if (incomplete !== undefined) {
    return ageMs > dayMs
      ? { kind: "incomplete", blobName: incomplete }
      : { reason: "another program wrote to it less than a day ago" };
  }
  if (!blobPattern.test(name)) return null;
  if (linked === null || linked.has(name)) return null;
  if (wanted === null) return { reason: unknown };
  if (wanted.has(name)) return null;
  // A download under way links its blobs when all of them are there.
  return holder === null
    ? { kind: "blob", blobName: name }
    : { reason: `${holder} works in this repository` };
}

/** The blob that a partial, a journal or a copy of heros belongs to; null for every other name. */
export function leftoverOf(name: string): string | null {
  return ownPattern.exec(name)?.groups?.["blob"] ?? null;
}

/** The process of a `.heros-<pid>-snapshot` and its like, in a repository's folder; null for anything else. */
export function passingOwner(name: string): string | null {
  return /^\.heros-(?<pid>\d+)-(?:snapshot|link|ref)$/u.exec(name)?.groups?.["pid"] ?? null;
}
