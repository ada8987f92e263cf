import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { Files } from "../../host/host.ts";
import { openUnlinked, readShort } from "../../host/own-file.ts";
import { Failure } from "../../run/failure.ts";
import type { ListedFile } from "../../run/repos/file-listing.ts";
import {
  isOllamaTag,
  maxOllamaManifestBytes,
  ollamaFilesOf,
  ollamaManifestPath,
  type OllamaName,
  parseOllamaRepo,
} from "../../run/repos/ollama.ts";
import { type ContentPlace, linkFollower, stagingName } from "../contents.ts";
import { namesIn } from "../read-folder.ts";

/** Of Ollama's folder. The layout is Ollama's; `.heros` and what is in it are ours, and `ollama` never looks there. */
export interface OllamaPlaces {
  readonly root: string;
  /** Ollama removes from it what no manifest names, and unfinished files too, whenever it starts. */
  readonly blobs: string;
  readonly manifests: string;
  /** Partials, journals and verified contents, until a model is whole. */
  readonly staging: string;
  readonly locks: string;
}

export function ollamaPlacesOf(root: string): OllamaPlaces {
  const staging = join(root, stagingName);
  return {
    root,
    blobs: join(root, "blobs"),
    manifests: join(root, "manifests"),
    staging,
    locks: join(staging, "locks"),
  };
}

/** The same with links among the folders followed. @throws Failure `cache.foreign_link`, `cache.broken_link` (1); Node's errors */
export async function openOllamaPlaces(
  files: Pick<Files, "lstat" | "stat" | "realpath">,
  root: string,
): Promise<OllamaPlaces> {
  const base = await files.realpath(root);
  const follow = await linkFollower(files, base);
  const [blobs, manifests, staging] = await Promise.all([
    follow(join(base, "blobs")),
    follow(join(base, "manifests")),
    follow(join(base, stagingName)),
  ]);
  return { root: base, blobs, manifests, staging, locks: join(staging, "locks") };
}

/** Where a content is on its way, and where until its model is whole: a manifest under its own name, so that it is known what the others are for. */
export function placeIn(
  { staging, locks }: OllamaPlaces,
  { path, blobName }: Pick<ListedFile, "path" | "blobName">,
): ContentPlace {
  return {
    folder: staging,
    partial: join(staging, `${blobName}.heros-partial`),
    journal: join(staging, `${blobName}.heros-journal`),
    content: join(staging, isManifestFile({ path }) ? path : blobName),
    lock: join(locks, `${blobName}.lock`),
  };
}

/** Removes a folder, and those above it to below `top`, where nothing is left in them. */
export async function removeEmpty(
  files: Pick<Files, "rmdir">,
  folder: string,
  top: string,
): Promise<void> {
  for (let each = folder; each !== top && each.startsWith(top); each = dirname(each)) {
    const isGone = await files.rmdir(each).then(
      () => true,
      () => false,
    );
    if (!isGone) return;
  }
}

/** Where `ollama` reads it. */
export function blobPath({ blobs }: Pick<OllamaPlaces, "blobs">, blobName: string): string {
  return join(blobs, `sha256-${blobName}`);
}

/** @param path of the manifest's file in a listing: `manifests/HOST/NAMESPACE/MODEL/TAG` */
export function manifestPath({ manifests }: Pick<OllamaPlaces, "manifests">, path: string): string {
  return join(manifests, path.slice("manifests/".length));
}

export function isManifestFile({ path }: Pick<ListedFile, "path">): boolean {
  return path.startsWith("manifests/");
}

export interface StoredManifest {
  readonly bytes: Buffer;
  /** `sha256:…` of the bytes. */
  readonly digest: string;
}

/** A manifest as it stands there; null where there is none, or what is no manifest. */
export async function readManifestFile(
  files: Pick<Files, "open">,
  path: string,
): Promise<StoredManifest | null> {
  const bytes = await readShort(openUnlinked(files, path), maxOllamaManifestBytes);
  if (bytes === null) return null;
  return { bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
}

/** A model as it stands there. */
export interface StoredModel extends StoredManifest {
  readonly name: OllamaName;
  readonly files: readonly ListedFile[];
}

/** Models that are not whole yet, and of which the manifest has come. */
export function unfinishedModels(
  files: Pick<Files, "open" | "readdir">,
  { staging }: Pick<OllamaPlaces, "staging">,
  repo?: string,
): Promise<StoredModel[]> {
  return storedModels(files, { manifests: join(staging, "manifests") }, repo);
}

/**
 * The models of a repository; without one, all that there are. What can't be read, or is none of Ollama's, is passed over.
 * @throws Failure `models.not_readable` (1) for a folder that can't be looked into
 */
export async function storedModels(
  files: Pick<Files, "open" | "readdir">,
  places: Pick<OllamaPlaces, "manifests">,
  repo?: string,
): Promise<StoredModel[]> {
  const only = repo === undefined ? null : parseOllamaRepo(repo);
  const inside = async (folder: string, name: string | undefined): Promise<string[]> => {
    if (name !== undefined) return [name];
    return (await namesIn(files, folder)).toSorted((a, b) => a.localeCompare(b));
  };
  const { manifests } = places;
  const found: StoredModel[] = [];
  for (const registry of await inside(manifests, only?.registry)) {
    const ofRegistry = join(manifests, registry);
    for (const namespace of await inside(ofRegistry, only?.namespace)) {
      const ofNamespace = join(ofRegistry, namespace);
      for (const model of await inside(ofNamespace, only?.model)) {
        const named = parseOllamaRepo(`ollama:${registry}/${namespace}/${model}`);
        if (named === null) continue;
        for (const tag of await inside(join(ofNamespace, model), undefined)) {
          const stored = isOllamaTag(tag)
            ? await readStored(files, places, { ...named, tag })
            : null;
          if (stored !== null) found.push(stored);
        }
      }
    }
  }
  return found;
}

async function readStored(
  files: Pick<Files, "open">,
  places: Pick<OllamaPlaces, "manifests">,
  name: OllamaName,
): Promise<StoredModel | null> {
  const path = manifestPath(places, ollamaManifestPath(name, name.tag));
  const manifest = await readManifestFile(files, path);
  if (manifest === null) return null;
  try {
    return { ...manifest, name, files: ollamaFilesOf(name, manifest) };
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}
