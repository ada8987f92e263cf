import { dirname, join } from "node:path";
import type { Files } from "../../host/host.ts";
import type { Survey, SurveyedItem } from "../store.ts";
import { placesOf } from "./layout.ts";
import { findBlob } from "./look-up.ts";

const readable = 0o444;
const searchable = 0o555;

/**
 * Lets every user read a model and find their way to it inside the cache, as one does in a container that mounts it: under
 * a umask of 077 nobody could but who downloaded it. What lies above the cache stays as it is, and so does what belongs to
 * somebody else.
 */
export async function openToReaders(
  files: Pick<Files, "stat" | "chmod" | "readdir">,
  { cacheDir, blobs }: Pick<Survey, "cacheDir" | "blobs">,
  item: Pick<SurveyedItem, "snapshots">,
): Promise<void> {
  const allow = async (path: string, bits: number): Promise<void> => {
    const found = await files.stat(path).catch(() => null);
    if (found === null || (found.mode & bits) === bits) return;
    await files.chmod(path, (found.mode & 0o7777) | bits).catch(() => {});
  };
  const folders = new Set([cacheDir]);
  for (const { repo, path, files: named } of item.snapshots) {
    const places = placesOf(cacheDir, repo);
    for (const each of [places.root, places.blobs, places.snapshots, places.refs, path]) {
      folders.add(each);
    }
    for (const file of named) {
      for (let inner = dirname(file.path); inner !== "."; inner = dirname(inner)) {
        folders.add(join(path, inner));
      }
    }
    for (const ref of await files.readdir(places.refs).catch(() => [])) {
      await allow(join(places.refs, ref), readable);
    }
    const names = new Set(named.map(({ blobName }) => blobName));
    for (const blob of blobs.filter((each) => each.repo === repo && names.has(each.blobName))) {
      const file = await findBlob(files, places, blob);
      if (file !== null) await allow(file, readable);
    }
  }
  for (const folder of folders) await allow(folder, searchable);
}
