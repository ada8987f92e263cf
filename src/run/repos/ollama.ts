import { failure } from "../failures/table.ts";
import type { ListedFile } from "./file-listing.ts";
import { withoutLogin } from "../login.ts";
import { isRecord, parseJson } from "../json.ts";

/** A model of Ollama's as its own program names it. */
export interface OllamaRepo {
  /** `registry.ollama.ai`, `hf.co`, `127.0.0.1:5000` */
  readonly registry: string;
  readonly namespace: string;
  readonly model: string;
}

export interface OllamaName extends OllamaRepo {
  readonly tag: string;
}

/** The registry of names that have none. */
export const ollamaRegistry = "registry.ollama.ai";
const usualNamespace = "library";
const usualTag = "latest";

const prefix = "ollama:";
const label = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?";
const registryPattern = new RegExp(String.raw`^${label}(?:\.${label})*(?::\d{1,5})?$`, "u");
const maxRegistryLength = 260;
const namespacePattern = /^\w[\w-]{0,79}$/u;
/** Of models and tags. */
const partPattern = /^(?!.*\.\.)\w[\w.-]{0,79}$/u;

/**
 * Reads `[[HOST[:PORT]/]NAMESPACE/]MODEL[:TAG]` as `ollama pull` does (types/model/name.go of github.com/ollama/ollama).
 * @throws Failure `ollama.bad_name` (exit 2)
 */
export function parseOllamaName(text: string): OllamaName {
  const name = withoutLogin(`${prefix}${text}`).slice(prefix.length);
  const refuse = (problem: string) => failure("ollama.bad_name", { name, problem });
  if (name !== text) throw refuse("user names and passwords can't be given in a name");
  if (text.includes("://")) throw refuse("leave out the scheme, as in HOST:PORT/NAMESPACE/MODEL");
  const colon = text.lastIndexOf(":");
  const tagged = colon > text.lastIndexOf("/");
  const tag = tagged ? text.slice(colon + 1) : usualTag;
  const parts = (tagged ? text.slice(0, colon) : text).split("/");
  const [model = "", namespace = usualNamespace, host = ollamaRegistry] = parts.toReversed();
  if (parts.length > 3) throw refuse("it has more parts than HOST/NAMESPACE/MODEL");
  const registry = host.toLowerCase();
  if (!isRegistry(registry))
    throw refuse(`${JSON.stringify(host)} is not the address of a registry`);
  if (!namespacePattern.test(namespace)) {
    throw refuse(`${JSON.stringify(namespace)} is not a valid namespace`);
  }
  if (!partPattern.test(model)) throw refuse(`${JSON.stringify(model)} is not a valid model`);
  if (!partPattern.test(tag)) throw refuse(`${JSON.stringify(tag)} is not a valid tag`);
  return { registry, namespace, model, tag };
}

function isRegistry(text: string): boolean {
  const sound = text.length <= maxRegistryLength && registryPattern.test(text);
  return sound && URL.parse(`https://${text}`) !== null;
}

export function isOllamaTag(text: string): boolean {
  return partPattern.test(text);
}

/** As sources and stores name it: `ollama:registry.ollama.ai/library/llava`. */
export function repoOfOllama({ registry, namespace, model }: OllamaRepo): string {
  return `${prefix}${registry}/${namespace}/${model}`;
}

/** The same in its parts; null where it is none of Ollama's. */
export function parseOllamaRepo(repo: string): OllamaRepo | null {
  if (!repo.startsWith(prefix)) return null;
  const [registry = "", namespace = "", model = "", ...more] = repo.slice(prefix.length).split("/");
  const sound = isRegistry(registry) && namespacePattern.test(namespace) && partPattern.test(model);
  return sound && more.length === 0 ? { registry, namespace, model } : null;
}

/** As `ollama list` shows it: without what goes without saying. `revision`: a tag, or a manifest's digest. */
export function calledOllama(
  { registry, namespace, model }: OllamaRepo,
  revision: string | null = null,
): string {
  const own = namespace === usualNamespace ? model : `${namespace}/${model}`;
  const name = registry === ollamaRegistry ? own : `${registry}/${namespace}/${model}`;
  if (revision === null) return name;
  return `${name}${revision.includes(":") ? "@" : ":"}${revision}`;
}

/** A file as sentences name it, of Ollama's as its own program does: "llava 170370233dd5". */
export function calledFile(repo: string, path: string): string {
  const named = parseOllamaRepo(repo);
  if (named === null) return `${repo}/${path}`;
  const layer = /^sha256:([0-9a-f]{12})/u.exec(path)?.[1];
  return `${calledOllama(named)} ${layer ?? "manifest"}`;
}

/** Where Ollama keeps a model's manifest, below its folder: its file's path in a listing, too. */
export function ollamaManifestPath(
  { registry, namespace, model }: OllamaRepo,
  tag: string,
): string {
  return ["manifests", registry, namespace, model, tag].join("/");
}

/** More than any model of Ollama's has. */
const maxLayers = 500;
const maxLayerBytes = 4e12;
/** As much as registries take. */
export const maxOllamaManifestBytes = 4 * 1024 * 1024;

/**
 * The files of a model: its configuration and its layers, each under its digest, and its manifest, which is the last to be put
 * in its place.
 * @param manifest its bytes, as they are kept, and their digest
 * @throws Failure `ollama.unusable` (2) for what is no model of Ollama's
 */
export function ollamaFilesOf(
  name: OllamaName,
  { bytes, digest }: { readonly bytes: Buffer; readonly digest: string },
): ListedFile[] {
  const refuse = (problem: string) =>
    failure("ollama.unusable", { model: calledOllama(name, name.tag), problem });
  const json = parseJson(bytes.toString("utf8"));
  if (!isRecord(json)) throw refuse("its manifest is not a JSON object");
  const { config, layers } = json;
  if (!isRecord(config) || !Array.isArray(layers)) throw refuse("its manifest has no layers");
  if (layers.length === 0) throw refuse("it has no layers");
  if (layers.length > maxLayers) throw refuse(`it has ${layers.length} layers`);
  const parts = layers as readonly unknown[];
  const strange = parts.find(
    (layer) => !isRecord(layer) || !mediaTypeOf(layer).startsWith("application/vnd.ollama."),
  );
  if (strange !== undefined) {
    const kind = isRecord(strange) ? mediaTypeOf(strange).slice(0, 100) : typeof strange;
    throw refuse(`it has a layer that is not Ollama's (${kind})`);
  }
  const sizes = new Map<string, number>();
  for (const part of [config, ...parts]) {
    const { digest: named, size } = isRecord(part) ? part : {};
    if (typeof named !== "string" || !/^sha256:[0-9a-f]{64}$/u.test(named)) {
      throw refuse("its manifest names a part without a sha256 digest");
    }
    if (!Number.isSafeInteger(size) || Number(size) < 0 || Number(size) > maxLayerBytes) {
      throw refuse(`${named} can't have the size that its manifest says`);
    }
    if ((sizes.get(named) ?? size) !== size) throw refuse(`its manifest gives ${named} two sizes`);
    sizes.set(named, Number(size));
  }
  // Nothing may be the content of its own manifest.
  sizes.delete(digest);
  return [
    ...[...sizes].map(([path, sizeBytes]) => listed(path, path, sizeBytes)),
    listed(ollamaManifestPath(name, name.tag), digest, bytes.length),
  ];
}

function listed(path: string, digest: string, sizeBytes: number): ListedFile {
  const hex = digest.replace("sha256:", "");
  return { path, sizeBytes, blobName: hex, hash: { algorithm: "sha256", hex } };
}

function mediaTypeOf({ mediaType }: Readonly<Record<string, unknown>>): string {
  return typeof mediaType === "string" ? mediaType : "no media type";
}
