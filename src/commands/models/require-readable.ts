import { join } from "node:path";
import type { Files } from "../../host/host.ts";
import { schemeOf } from "../../run/repos/file-listing.ts";
import { parseOllamaRepo } from "../../run/repos/ollama.ts";
import { placesOf, repoOfFolder } from "../../store/hub-cache/layout.ts";
import { entriesIn, namesIn } from "../../store/read-folder.ts";
import type { ModelPlaces } from "../models-place.ts";

/**
 * A cache that is closed to this user is not an empty one: before anything is said of what is in it.
 * @param repos that were named; null means all that are there, of which one that is closed may be any model
 * @throws Failure `models.not_readable`, `disk.…` (exit 1)
 */
export async function requireReadable(
  files: Pick<Files, "access" | "readdir">,
  { cacheDir, ollamaDir }: ModelPlaces,
  repos: readonly string[] | null,
): Promise<void> {
  const inCache = await namesIn(files, cacheDir);
  const ofHub =
    repos === null
      ? inCache.flatMap((name) => repoOfFolder(name) ?? [])
      : repos.filter((repo) => schemeOf(repo) === "hub");
  for (const repo of new Set(ofHub)) {
    const { root, blobs, refs, snapshots, staging } = placesOf(cacheDir, repo);
    for (const folder of [root, blobs, staging]) await namesIn(files, folder);
    for (const folder of [refs, snapshots]) await entriesIn(files, folder);
  }
  const ofOllama =
    repos === null
      ? [""]
      : repos.flatMap((repo) => {
          const named = parseOllamaRepo(repo);
          return named === null ? [] : [join(named.registry, named.namespace, named.model)];
        });
  if (ofOllama.length > 0) await namesIn(files, join(ollamaDir, "blobs"));
  for (const below of ofOllama) await entriesIn(files, join(ollamaDir, "manifests", below));
}
