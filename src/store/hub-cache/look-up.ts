import { join } from "node:path";
import type { Files } from "../../host/host.ts";
import { openUnlinked, readShortText } from "../../host/own-file.ts";
import { addRange, type ByteRanges } from "../../run/byte-ranges.ts";
import { failure } from "../../run/failures/table.ts";
import { commitPattern, type ListedFile } from "../../run/repos/file-listing.ts";
import type { Holding } from "../store.ts";
import {
  blobPath,
  foldersOf,
  formerPlaces,
  linkTarget,
  partialPaths,
  type RepoPlaces,
  snapshotPath,
  stagedPath,
} from "./layout.ts";

interface Wanted {
  readonly path: string;
  readonly blobName: string;
  readonly sizeBytes: number;
}

/**
 * Whether a snapshot has this file for good: its link leads to the blob of this name (or it is a plain copy),
 * and what it leads to has the right size. A dangling link and a wrong size are not taken.
 */
export async function lookAtFile(
  files: Pick<Files, "stat" | "readlink">,
  places: RepoPlaces,
  commit: string,
  { path, blobName, sizeBytes }: Wanted,
): Promise<boolean> {
  const place = snapshotPath(places, commit, path);
  const [found, target] = await Promise.all([
    files.stat(place).catch(() => null),
    files.readlink(place).catch(() => null),
  ]);
  if (found === null || !found.isFile() || found.size !== sizeBytes) return false;
  return target === null || target === linkTarget(path, blobName);
}

/** Whether the blob is there, or how much of its partial can be trusted. A blob may be a link into a shared store. */
export async function lookAtBlob(
  files: Pick<Files, "stat" | "open">,
  places: RepoPlaces,
  { blobName, sizeBytes }: Wanted,
  bootId: () => Promise<string>,
): Promise<Holding> {
  const found = await findBlob(files, places, { blobName, sizeBytes });
  if (found !== null) return { cached: true, held: [] };
  if (sizeBytes === 0) return { cached: false, held: [] };
  const { readPartial } = await import("../partial.ts");
  const blob = { blobName, sizeBytes };
  const boot = await bootId();
  const heldIn = (where: RepoPlaces): Promise<ByteRanges> =>
    readPartial(files, partialPaths(where, blobName), blob, boot).catch(() => []);
  const own = await heldIn(places);
  const held = own.length > 0 ? own : await heldIn(formerPlaces(places));
  return { cached: false, held: held.reduce((all: ByteRanges, one) => addRange(all, one), []) };
}

/**
 * The file with the blob's content: staged, or in its repository; null where it is missing or has another size. Looked for
 * in the order in which a blob moves on, so that one that does so meanwhile is not missed.
 */
export async function findBlob(
  files: Pick<Files, "stat">,
  places: RepoPlaces,
  { blobName, sizeBytes }: { blobName: string; sizeBytes: number },
): Promise<string | null> {
  const assembled = join(foldersOf(places.assembly).blobs, blobName);
  for (const file of [stagedPath(places, blobName), assembled, blobPath(places, blobName)]) {
    const found = await files.stat(file).catch(() => null);
    if (found !== null && found.isFile() && found.size === sizeBytes) return file;
  }
  return null;
}

/** The commit that the cache has of a branch; null where it has none. A commit is its own. */
export async function commitOf(
  files: Pick<Files, "open">,
  { refs }: Pick<RepoPlaces, "refs">,
  revision: string,
): Promise<string | null> {
  if (commitPattern.test(revision)) return revision;
  const commit = (await readRef(files, refs, revision)).trim();
  return commitPattern.test(commit) ? commit : null;
}

/** A commit has 40, and whoever wrote it may have ended the line. */
const maxRefBytes = 200;

/**
 * The commit that the cache has of a branch, as it is written; empty where it has none. Others may write there: a pipe
 * would be waited for without end, and what a link leads to may have none.
 */
export function readRef(files: Pick<Files, "open">, refs: string, name: string): Promise<string> {
  return readShortText(openUnlinked(files, join(refs, name)), maxRefBytes);
}

/**
 * The files of a snapshot as they are, which is all that Python's client asks for offline too.
 * @throws Failure `hub.offline` for one whose link leads nowhere
 */
export async function listSnapshot(
  files: Pick<Files, "readdir" | "readlink" | "stat">,
  places: RepoPlaces,
  { repo, commit }: { readonly repo: string; readonly commit: string },
): Promise<readonly ListedFile[]> {
  const folder = snapshotPath(places, commit);
  const entries = await files
    .readdir(folder, { recursive: true, withFileTypes: true })
    .catch(() => []);
  const found: ListedFile[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const place = join(entry.parentPath, entry.name);
    const path = place.slice(folder.length + 1);
    const file = await lookAtSnapshot(files, place, path);
    if (file === null) throw failure("hub.offline", { missing: `${path} of ${repo}` });
    found.push(file);
  }
  return found;
}

/** A file of a snapshot as it is there; null where there is none, and where its link leads nowhere. */
export async function fileOfSnapshot(
  files: Pick<Files, "readlink" | "stat">,
  places: RepoPlaces,
  { commit, path }: { readonly commit: string; readonly path: string },
): Promise<ListedFile | null> {
  return lookAtSnapshot(files, snapshotPath(places, commit, path), path);
}

async function lookAtSnapshot(
  files: Pick<Files, "readlink" | "stat">,
  place: string,
  path: string,
): Promise<ListedFile | null> {
  const target = await files.readlink(place).catch(() => null);
  const found = await files.stat(place).catch(() => null);
  if (found === null || found.isDirectory()) return null;
  const blobName = target?.split("/").at(-1) ?? "";
  const algorithm = blobName.length === 64 ? "sha256" : "git-sha1";
  return { path, sizeBytes: found.size, blobName, hash: { algorithm, hex: blobName } };
}
