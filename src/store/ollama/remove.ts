import { dirname } from "node:path";
import type { Files } from "../../host/host.ts";
import { ollamaManifestPath, type OllamaName, repoOfOllama } from "../../run/ollama.ts";
import { isUnlinked } from "../contents.ts";
import type { KeptFile, PruneFinding, PrunePlan } from "../hub-cache/prune.ts";
import {
  blobPath,
  isManifestFile,
  manifestPath,
  ollamaPlacesOf,
  placeIn,
  storedModels,
} from "./places.ts";

const nameOf = (name: OllamaName): string => `${repoOfOllama(name)}:${name.tag}`;

/**
 * What goes with these of Ollama's models: their manifests first, and then the blobs that no other manifest names. Where one can't
 * be read, nobody knows what it names, and all blobs stay. Writes nothing.
 */
export async function planOllamaRemoval(
  files: Pick<Files, "lstat" | "open" | "readdir" | "realpath">,
  modelsDir: string,
  names: readonly OllamaName[],
): Promise<PrunePlan> {
  const places = ollamaPlacesOf(modelsDir);
  const all = await storedModels(files, places);
  const wanted = new Set(names.map(nameOf));
  const going = all.filter(({ name }) => wanted.has(nameOf(name)));
  if (going.length === 0) return { files: [], kept: [] };
  const kept: KeptFile[] = [];
  for (const folder of [places.manifests, places.blobs]) {
    if (await isUnlinked(files, modelsDir, folder)) continue;
    kept.push({ file: folder, reason: "it is behind a link, where heros removes nothing" });
  }
  if (kept.length > 0) return { files: [], kept };
  const staying = all.filter(({ name }) => !wanted.has(nameOf(name)));
  const needed = new Set(staying.flatMap((model) => model.files.map(({ blobName }) => blobName)));
  const found: PruneFinding[] = going.map(({ name, bytes }) => ({
    kind: "model",
    repo: repoOfOllama(name),
    file: manifestPath(places, ollamaManifestPath(name, name.tag)),
    bytes: bytes.length,
    lock: null,
  }));
  const known = await countManifests(files, places.manifests);
  if (known !== all.length) {
    const reason = "a manifest of another model can't be read, so its layers are not known";
    return { files: found, kept: [{ file: places.blobs, reason }] };
  }
  const seen = new Set<string>();
  for (const { name, files: own } of going) {
    for (const { path, blobName } of own) {
      if (isManifestFile({ path }) || needed.has(blobName) || seen.has(blobName)) continue;
      seen.add(blobName);
      const file = blobPath(places, blobName);
      const there = await files.lstat(file).catch(() => null);
      if (there === null) continue;
      const bytes = Math.min(there.size, there.blocks * 512);
      const { lock } = placeIn(places, blobName);
      found.push({ kind: "model", repo: repoOfOllama(name), file, bytes, lock });
    }
  }
  return { files: found, kept };
}

/** Files that may be manifests, whatever is in them. */
async function countManifests(files: Pick<Files, "readdir">, manifests: string): Promise<number> {
  const entries = await files
    .readdir(manifests, { recursive: true, withFileTypes: true })
    .catch(() => []);
  return entries.filter((entry) => !entry.isDirectory()).length;
}

/** Removes the folders of these models in which nothing is left, as Ollama does. */
export async function tidyManifests(
  files: Pick<Files, "rmdir">,
  modelsDir: string,
  names: readonly OllamaName[],
): Promise<void> {
  const places = ollamaPlacesOf(modelsDir);
  for (const name of names) {
    const path = manifestPath(places, ollamaManifestPath(name, name.tag));
    for (let folder = dirname(path); folder !== places.manifests; folder = dirname(folder)) {
      const done = await files.rmdir(folder).then(
        () => true,
        () => false,
      );
      if (!done) break;
    }
  }
}
