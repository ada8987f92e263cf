import { matchesGlob } from "node:path";
import type { Catalog, RepoFiles } from "../../catalog/catalog.ts";
import { knownSizes, smallFiles } from "./known-sizes.ts";
import type { FileSpec, RepoSpec } from "./repository.ts";

export interface ScaleOptions {
  /** 0.01 for a hundredth of the real sizes. Default 1. */
  readonly scale?: number;
  /** Bytes by repository and path; those of her-os's models are known. */
  readonly sizes?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Files up to this size are never scaled. */
const smallBytes = 64 * 1024;
const commitPattern = /^[0-9a-f]{40}$/;

/** Repositories with the names that the catalog gives, and files of the real names with their sizes scaled down, those that the catalog leaves out included. */
export function reposForCatalog(catalog: Catalog, options: ScaleOptions = {}): RepoSpec[] {
  const parts = catalog.models.flatMap((model) => model.parts);
  return [...Map.groupBy(parts, (part) => `${part.repo}@${part.revision}`).values()].flatMap(
    (group) => {
      const [first] = group;
      if (first === undefined) return [];
      const spec = { id: first.repo, files: filesOf(first.repo, group, options) };
      return commitPattern.test(first.revision)
        ? { ...spec, commit: first.revision }
        : { ...spec, branch: first.revision };
    },
  );
}

function filesOf(repo: string, parts: readonly RepoFiles[], options: ScaleOptions): FileSpec[] {
  const known = options.sizes?.[repo] ?? knownSizes[repo] ?? {};
  const sizes = new Map(Object.entries(known));
  const globs = parts.flatMap((part) => part.files ?? []);
  const missing = globs.filter(
    (glob) => ![...sizes.keys()].some((path) => matchesGlob(path, glob)),
  );
  for (const glob of missing) sizes.set(glob.replaceAll(/\*+/g, "00001"), guessSize(glob));
  if (sizes.size === 0)
    for (const [path, size] of Object.entries(smallFiles)) sizes.set(path, size);
  return [...sizes].map(([path, size]) => {
    const sizeBytes =
      size <= smallBytes ? size : Math.max(1024, Math.round(size * (options.scale ?? 1)));
    return path.endsWith(".json") && sizeBytes <= smallBytes
      ? { path, content: jsonOfSize(`${repo}/${path}`, sizeBytes) }
      : { path, sizeBytes };
  });
}

function guessSize(glob: string): number {
  return /\.(safetensors|bin|pt|pth)$/.test(glob) ? 500_000_000 : (smallFiles[glob] ?? 2_000);
}

/** Real JSON, since something may read it. */
function jsonOfSize(name: string, sizeBytes: number): string {
  const bare = JSON.stringify({ name, padding: "" });
  return JSON.stringify({ name, padding: "-".repeat(Math.max(0, sizeBytes - bare.length)) });
}
