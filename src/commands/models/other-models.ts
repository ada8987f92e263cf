import { join } from "node:path";
import type { Catalog, CatalogModel } from "../../catalog/catalog.ts";
import { hubModel, ollamaModel } from "../../catalog/model-name.ts";
import type { Files } from "../../host/host.ts";
import { commitPattern } from "../../run/repos/file-listing.ts";
import { calledOllama } from "../../run/repos/ollama.ts";
import { foldersOf, repoOfFolder } from "../../store/hub-cache/layout.ts";
import { readRef } from "../../store/hub-cache/look-up.ts";
import { refsIn } from "../../store/hub-cache/remove.ts";
import { namesIn } from "../../store/read-folder.ts";
import type { Work } from "../command-request.ts";
import type { ModelPlaces } from "../models-place.ts";

/** Models that are here and that the catalog has not: of the Hub cache, whoever brought them, and of Ollama. Asks nobody. @throws Failure `models.not_readable` (1) */
export async function otherModels(
  { host }: Pick<Work, "host">,
  { cacheDir, ollamaDir, catalog }: ModelPlaces & { readonly catalog: Catalog },
): Promise<CatalogModel[]> {
  const { ollamaPlacesOf, storedModels, unfinishedModels } =
    await import("../../store/ollama/places.ts");
  const places = ollamaPlacesOf(ollamaDir);
  const known = new Set(catalog.models.flatMap(({ parts }) => parts.map(({ repo }) => repo)));
  const [ofHub, ofOllama, unfinished] = await Promise.all([
    inHubCache(host.files, cacheDir),
    storedModels(host.files, places),
    unfinishedModels(host.files, places),
  ]);
  return [
    ...ofHub.filter(({ parts: [{ repo }] }) => !known.has(repo)),
    ...new Set([...ofOllama, ...unfinished].map(({ name }) => calledOllama(name, name.tag))),
  ].map((each) => (typeof each === "string" ? ollamaModel(each) : each));
}

/** Each revision of each repository that has a snapshot. */
async function inHubCache(files: Files, cacheDir: string): Promise<CatalogModel[]> {
  const names = await namesIn(files, cacheDir);
  const found: CatalogModel[] = [];
  for (const name of names.toSorted((a, b) => a.localeCompare(b))) {
    const repo = repoOfFolder(name);
    if (repo === null) continue;
    const places = foldersOf(join(cacheDir, name));
    const snapshots = await namesIn(files, places.snapshots);
    const commits = new Set(snapshots.filter((each) => commitPattern.test(each)));
    const named = new Set<string>();
    for (const revision of await refsIn(files, places.refs)) {
      const commit = (await readRef(files, places.refs, revision)).trim();
      if (!commits.has(commit)) continue;
      named.add(commit);
      found.push(hubModel(repo, revision === "main" ? undefined : revision));
    }
    const unnamed = [...commits].filter((commit) => !named.has(commit));
    found.push(...unnamed.map((commit) => hubModel(repo, commit)));
  }
  return found;
}
