import { dirname, join } from "node:path";
import type { Files } from "../../host/host.ts";
import { ollamaManifestPath, type OllamaName, repoOfOllama } from "../../run/repos/ollama.ts";
import { isUnlinked, takenBytes } from "../contents.ts";
import type { KeptFile, PruneFinding, PrunePlan } from "../hub-cache/prune.ts";
import { entriesIn } from "../read-folder.ts";
import {
  blobPath,
  isManifestFile,
  manifestPath,
  ollamaPlacesOf,
  type OllamaPlaces,
  placeIn,
  removeEmpty,
  type StoredModel,
  storedModels,
  unfinishedModels,
} from "./places.ts";

type Doors = Pick<Files, "lstat" | "open" | "readdir" | "realpath">;

const nameOf = (name: OllamaName): string => `${repoOfOllama(name)}:${name.tag}`;

/**
 * What goes with these of Ollama's models: their manifests first, and then the blobs that no other manifest names; and what heros has
 * of those that are not whole yet. Where a manifest can't be read, nobody knows what it names, and all blobs stay. Writes nothing.
 */
export async function planOllamaRemoval(
  files: Doors,
  modelsDir: string,
  names: readonly OllamaName[],
): Promise<PrunePlan> {
  if (names.length === 0) return { files: [], kept: [] };
  const places = ollamaPlacesOf(modelsDir);
  const wanted = new Set(names.map(nameOf));
  const [whole, unfinished] = await Promise.all([
    storedModels(files, places),
    unfinishedModels(files, places),
  ]);
  const [published, staged] = [splitBy(whole, wanted), splitBy(unfinished, wanted)];
  if (published.going.length + staged.going.length === 0) return { files: [], kept: [] };
  const kept: KeptFile[] = [];
  for (const folder of [places.manifests, places.blobs, places.staging]) {
    const isThere = (await files.lstat(folder).catch(() => null)) !== null;
    if (!isThere || (await isUnlinked(files, modelsDir, folder))) continue;
    kept.push({ file: folder, reason: "it is behind a link, where heros removes nothing" });
  }
  if (kept.length > 0) return { files: [], kept };
  const found: PruneFinding[] = published.going.map((model) =>
    manifestOf(model, manifestPath(places, pathOf(model))),
  );
  const unread = await unreadManifest(files, places, whole);
  if (unread === null) {
    found.push(
      ...(await blobsOf(files, published, (file) => [blobPath(places, file.blobName)], places)),
    );
  } else if (published.going.length > 0) {
    kept.push({ file: places.blobs, reason: unreadReason(unread) });
  }
  const inStaging = (file: StoredModel["files"][number]): string[] => {
    const { content, partial, journal } = placeIn(places, file);
    return [content, partial, journal];
  };
  found.push(...(await blobsOf(files, staged, inStaging, places)));
  // The last: whoever is killed before it finds here what is left to remove.
  found.push(
    ...staged.going.map((model) => manifestOf(model, join(places.staging, pathOf(model)))),
  );
  return { files: found, kept };
}

interface Split {
  readonly going: readonly StoredModel[];
  readonly staying: readonly StoredModel[];
}

function splitBy(models: readonly StoredModel[], wanted: ReadonlySet<string>): Split {
  return {
    going: models.filter(({ name }) => wanted.has(nameOf(name))),
    staying: models.filter(({ name }) => !wanted.has(nameOf(name))),
  };
}

function pathOf({ name }: StoredModel): string {
  return ollamaManifestPath(name, name.tag);
}

function manifestOf({ name, bytes }: StoredModel, file: string): PruneFinding {
  return { kind: "model", repo: repoOfOllama(name), file, bytes: bytes.length, lock: null };
}

/** Of the layers that only models that go have: what there is. */
async function blobsOf(
  files: Doors,
  { going, staying }: Split,
  placesOf: (file: StoredModel["files"][number]) => readonly string[],
  places: OllamaPlaces,
): Promise<PruneFinding[]> {
  const seen = new Set(staying.flatMap((model) => model.files.map(({ blobName }) => blobName)));
  const found: PruneFinding[] = [];
  for (const { name, files: own } of going) {
    for (const file of own) {
      if (isManifestFile(file) || seen.has(file.blobName)) continue;
      seen.add(file.blobName);
      for (const path of placesOf(file)) {
        const there = await files.lstat(path).catch(() => null);
        if (there === null) continue;
        const bytes = takenBytes(there);
        const { lock } = placeIn(places, file);
        found.push({ kind: "model", repo: repoOfOllama(name), file: path, bytes, lock });
      }
    }
  }
  return found;
}

const unreadReason = (path: string): string =>
  `the manifest ${path} can't be read, so its layers are not known`;

/** The first file among the manifests that is none of these models', whatever is in it; null where there is none. */
async function unreadManifest(
  files: Pick<Files, "readdir">,
  places: OllamaPlaces,
  models: readonly StoredModel[],
): Promise<string | null> {
  const read = new Set(models.map((model) => manifestPath(places, pathOf(model))));
  const entries = await entriesIn(files, places.manifests);
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name));
  return paths.toSorted((a, b) => a.localeCompare(b)).find((path) => !read.has(path)) ?? null;
}

/** Removes the folders of these models in which nothing is left, as Ollama does. */
export async function tidyManifests(
  files: Pick<Files, "rmdir">,
  modelsDir: string,
  names: readonly OllamaName[],
): Promise<void> {
  const places = ollamaPlacesOf(modelsDir);
  for (const name of names) {
    const path = ollamaManifestPath(name, name.tag);
    await removeEmpty(files, dirname(manifestPath(places, path)), places.manifests);
    await removeEmpty(files, dirname(join(places.staging, path)), places.staging);
  }
}

/** Those of these blobs that no manifest names, whole or on its way. Where one can't be read, or something is behind a link, none. Writes nothing. */
export async function planUnnamedBlobs(
  files: Doors,
  modelsDir: string,
  blobNames: readonly string[],
): Promise<PrunePlan> {
  const none = { files: [], kept: [] };
  if (blobNames.length === 0) return none;
  const places = ollamaPlacesOf(modelsDir);
  const [whole, unfinished] = await Promise.all([
    storedModels(files, places),
    unfinishedModels(files, places),
  ]);
  const named = new Set(
    [...whole, ...unfinished].flatMap((model) => model.files.map(({ blobName }) => blobName)),
  );
  const found: PruneFinding[] = [];
  for (const blobName of new Set(blobNames)) {
    const file = blobPath(places, blobName);
    const there = named.has(blobName) ? null : await files.lstat(file).catch(() => null);
    if (there === null || !there.isFile()) continue;
    const { lock } = placeIn(places, { path: "", blobName });
    found.push({ kind: "revision", repo: "ollama", file, bytes: takenBytes(there), lock });
  }
  if (found.length === 0) return none;
  const kept = (reason: string): PrunePlan => ({
    files: [],
    kept: [{ file: places.blobs, reason }],
  });
  if (!(await isUnlinked(files, modelsDir, places.blobs)))
    return kept("it is behind a link, where heros removes nothing");
  const unread = await unreadManifest(files, places, whole);
  return unread === null ? { files: found, kept: [] } : kept(unreadReason(unread));
}
