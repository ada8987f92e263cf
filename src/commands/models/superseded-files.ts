import type { Files } from "../../host/host.ts";
import { commitPattern } from "../../run/repos/file-listing.ts";
import { placesOf } from "../../store/hub-cache/layout.ts";
import { readRef } from "../../store/hub-cache/look-up.ts";
import type { KeptFile, PruneFinding, PrunePlan } from "../../store/hub-cache/prune.ts";
import { planRepoRemoval, refsIn } from "../../store/hub-cache/remove.ts";
import { planUnnamedBlobs } from "../../store/ollama/remove.ts";
import { namesIn } from "../../store/read-folder.ts";
import { readSuperseded } from "../../store/superseded.ts";
import type { Work } from "../command-request.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import type { Placed } from "../models-place.ts";
import { pinnedCommits } from "./pins.ts";

export interface SupersededFiles {
  readonly hub: PrunePlan;
  readonly ollama: PrunePlan;
}

/**
 * What updates of heros replaced and nothing names any more: no branch or tag, no catalog of a stack here, no manifest. What other
 * programs replaced is theirs. Writes nothing. @throws AbortError
 */
export async function planSuperseded(
  work: Work,
  settings: Placed<GatheredSettings>,
): Promise<SupersededFiles> {
  const { files } = work.host;
  const { cacheDir, ollamaDir } = settings;
  const noted = await readSuperseded(files, cacheDir);
  const pins = noted.length === 0 ? new Set<string>() : await pinnedCommits(work, settings);
  const commits = noted
    .filter((each) => !pins.has(each))
    .flatMap((each) => {
      const [repo, commit] = splitLast(each);
      return commitPattern.test(commit) && isRepo(repo) ? [{ repo, commit }] : [];
    });
  const found: PruneFinding[] = [];
  const kept: KeptFile[] = [];
  for (const [repo, own] of Map.groupBy(commits, (each) => each.repo)) {
    work.signal.throwIfAborted();
    const going = await unnamed(files, cacheDir, { repo, commits: own.map((each) => each.commit) });
    if (going.size === 0) continue;
    const plan = await planRepoRemoval(files, cacheDir, { repo, commits: going });
    found.push(...plan.files.map((each) => ({ ...each, kind: "revision" as const })));
    kept.push(...plan.kept);
  }
  const blobs = (await readSuperseded(files, ollamaDir)).flatMap(
    (each) => /^sha256:(?<hex>[0-9a-f]{64})$/u.exec(each)?.groups?.["hex"] ?? [],
  );
  const ollama = await planUnnamedBlobs(files, ollamaDir, blobs);
  return { hub: { files: found, kept }, ollama };
}

function splitLast(entry: string): readonly [string, string] {
  const at = entry.lastIndexOf("@");
  return [entry.slice(0, Math.max(0, at)), entry.slice(at + 1)];
}

function isRepo(repo: string): boolean {
  return /^(?!.*\.\.)[\w.-]+(?:\/[\w.-]+)?$/u.test(repo);
}

/** Those of which there is a snapshot and no name; none where no name leads to a snapshot, which would be the last of the model. */
async function unnamed(
  files: Pick<Files, "open" | "readdir">,
  cacheDir: string,
  { repo, commits }: { readonly repo: string; readonly commits: readonly string[] },
): Promise<ReadonlySet<string>> {
  const places = placesOf(cacheDir, repo);
  const snapshots = new Set(await namesIn(files, places.snapshots));
  const names = await refsIn(files, places.refs);
  const named = new Set(
    await Promise.all(names.map(async (name) => (await readRef(files, places.refs, name)).trim())),
  );
  if (![...named].some((commit) => snapshots.has(commit))) return new Set();
  return new Set(commits.filter((commit) => snapshots.has(commit) && !named.has(commit)));
}
