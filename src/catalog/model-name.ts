import { failure } from "../run/failures/table.ts";
import { calledOllama, parseOllamaName, repoOfOllama } from "../run/repos/ollama.ts";
import { isFolder, parseFolder } from "../run/repos/folder.ts";
import { requireNoOtherStore } from "../run/repos/s3.ts";
import { type Catalog, type CatalogModel, noGroup, noPriority, type RepoFiles } from "./catalog.ts";

/**
 * The models that words of a command line name: `ID` and `OWNER/REPO` of the catalog, with the files that it wants of them;
 * `OWNER/REPO[@REV]` of the Hub, `ollama:[[HOST/]NAMESPACE/]MODEL[:TAG]` of Ollama, whole. Those of the catalog first.
 * @throws Failure `models.unknown`, `ollama.bad_name` (exit 2)
 */
export function modelsByName(catalog: Catalog, names: readonly string[]): CatalogModel[] {
  const named = names.map((name) => modelByName(catalog, name));
  const ids = new Set(named.map(({ id }) => id));
  const others = new Map(named.map((model) => [model.id, model]));
  for (const { id } of catalog.models) others.delete(id);
  return [...catalog.models.filter(({ id }) => ids.has(id)), ...others.values()];
}

const ollamaPrefix = "ollama:";
/** Whether the Hub has such names is its own to say. */
const hubPattern = /^(?<repo>[^\s/@:]+\/[^\s/@:]+)(?:@(?<revision>\S+))?$/u;

function modelByName(catalog: Catalog, name: string): CatalogModel {
  const known = catalog.models.find((model) => model.id === name || model.parts[0].repo === name);
  if (known !== undefined) return known;
  if (name.startsWith(ollamaPrefix)) return ollamaModel(name.slice(ollamaPrefix.length));
  requireNoOtherStore(name);
  // What is wrong with an address is said without its password.
  if (isFolder(name)) parseFolder(name, { cwd: "/", home: "/" });
  const { repo, revision } = hubPattern.exec(name)?.groups ?? {};
  if (repo === undefined) {
    throw failure("models.unknown", { name, known: catalog.models.map(({ id }) => id) });
  }
  return hubModel(repo, revision);
}

/** A whole repository of the Hub, at a branch, a tag or a commit. @param from the place that has it, where the Hub is not asked */
export function hubModel(repo: string, revision?: string, from?: string): CatalogModel {
  const id = revision === undefined ? repo : `${repo}@${revision}`;
  const place = from === undefined ? {} : { from };
  return uncatalogued(id, id, { repo, revision: revision ?? "main", files: null, ...place });
}

/** @param text `llava:7b`. @throws Failure `ollama.bad_name` (exit 2) */
export function ollamaModel(text: string): CatalogModel {
  const name = parseOllamaName(text);
  const title = calledOllama(name, name.tag);
  const part = { repo: repoOfOllama(name), revision: name.tag, files: null };
  return uncatalogued(`${ollamaPrefix}${title}`, title, part);
}

function uncatalogued(id: string, title: string, part: RepoFiles): CatalogModel {
  return {
    id,
    title,
    group: noGroup,
    priority: noPriority,
    purpose: "",
    capability: null,
    memoryGib: 0,
    recommendedGib: 0,
    loading: "always",
    enabledBy: null,
    standIn: null,
    variants: [],
    parts: [part],
  };
}
