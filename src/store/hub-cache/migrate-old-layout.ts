import type { Host } from "../../host/host.ts";
import {
  blobPath,
  formerPlaces,
  journalPath,
  lockPath,
  partialPath,
  partialPaths,
  type RepoPlaces,
  stagedPath,
} from "./layout.ts";
import { isOtherDisk, moveFile } from "../contents.ts";
import { readJournal, readPartial } from "../partial.ts";
import { inFolder, type SurveyedBlob } from "../store.ts";

export interface Migration {
  readonly host: Pick<Host, "files" | "fileLocks">;
  readonly places: RepoPlaces;
  /** Of this repository, and of models that are not whole. */
  readonly blobs: readonly SurveyedBlob[];
  readonly bootId: string;
  readonly signal: AbortSignal;
}

/**
 * Takes over what a former heros kept in the repository's own folder: partials with their journals, and, where there is
 * no snapshot yet, verified blobs too, so that the folder goes until the model is whole. What another process holds stays.
 */
export async function migrateOldLayout(request: Migration): Promise<void> {
  const { host, places, blobs } = request;
  const { files } = host;
  const names = new Set(await files.readdir(places.blobs).catch(() => []));
  const others = await Promise.all(
    [places.snapshots, places.refs].map((folder) => files.readdir(folder).catch(() => [])),
  );
  const unused = others.every((entries) => entries.length === 0);
  for (const blob of blobs) {
    const { blobName } = blob;
    const part = names.has(`${blobName}.heros-partial`) && !blob.cached;
    const whole = unused && blob.cached && names.has(blobName);
    if (!part && !whole) continue;
    const lock = lockPath(places, blobName);
    await files.mkdir(places.locks, { recursive: true });
    if ((await host.fileLocks.acquire(lock)) === "busy") continue;
    try {
      if (part) await takePartial(request, blob);
      else await stage(request, blobName);
    } finally {
      host.fileLocks.release(lock);
    }
  }
  if (!unused || names.size === 0) return;
  for (const folder of [places.blobs, places.snapshots, places.refs, places.root]) {
    await files.rmdir(folder).catch(() => {});
  }
}

/** The journal first, and a copy of it: a kill at any moment leaves one whole pair. */
async function takePartial(request: Migration, blob: SurveyedBlob): Promise<void> {
  const { host, places, bootId, signal } = request;
  const { files } = host;
  const former = formerPlaces(places);
  const from = partialPath(former, blob.blobName);
  const ranges = await readPartial(files, partialPaths(former, blob.blobName), blob, bootId);
  const newer = await readPartial(files, partialPaths(places, blob.blobName), blob, bootId);
  if (ranges.length > 0 && newer.length === 0) {
    const journal = journalPath(places, blob.blobName);
    const text = await readJournal(files, journalPath(former, blob.blobName));
    await files.rm(journal, { force: true });
    await files.rm(partialPath(places, blob.blobName), { force: true });
    await inFolder(files, places.staging, () => files.writeFile(journal, text, { flag: "wx" }));
    const to = partialPath(places, blob.blobName);
    await moveFile(files, { from, to, sizeBytes: blob.sizeBytes, ranges }, signal);
  }
  for (const file of [from, journalPath(former, blob.blobName)]) {
    await files.rm(file, { force: true });
  }
  await files.rm(`${journalPath(former, blob.blobName)}.new`, { force: true });
}

/** On another disk it stays: it would only be copied there and back. */
async function stage({ host, places }: Migration, blobName: string): Promise<void> {
  const { files } = host;
  const from = blobPath(places, blobName);
  // A link into a shared store is as good where it is, and a relative one good nowhere else.
  if ((await files.lstat(from)).isSymbolicLink()) return;
  try {
    await inFolder(files, places.staging, () => files.rename(from, stagedPath(places, blobName)));
  } catch (error) {
    if (!isOtherDisk(error)) throw error;
  }
}
