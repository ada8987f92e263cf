import { join } from "node:path";
import type { Files } from "../host/host.ts";
import { cacheTag, type RepoPlaces } from "./cache-layout.ts";
import { openPlaces } from "./open-places.ts";

/**
 * Makes the folders that a download of these blobs needs until a model is whole.
 * @returns the places of each repository
 * @throws Failure `cache.foreign_link`, `cache.broken_link` (1); Node's errors
 */
export async function openCache(
  files: Files,
  cacheDir: string,
  blobs: readonly { readonly repo: string }[],
): Promise<ReadonlyMap<string, RepoPlaces>> {
  const places = new Map<string, RepoPlaces>();
  if (blobs.length === 0) return places;
  await files.mkdir(cacheDir, { recursive: true });
  const tag = join(cacheDir, cacheTag.name);
  await files.writeFile(tag, cacheTag.text, { flag: "wx" }).catch((error: unknown) => {
    const there = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (!there) throw error;
  });
  for (const repo of new Set(blobs.map((blob) => blob.repo))) {
    const { staging, locks } = await openPlaces(files, cacheDir, repo);
    await files.mkdir(staging, { recursive: true });
    await files.mkdir(locks, { recursive: true });
    // Judged again now that the folders are there, and a link could be in the place of one.
    places.set(repo, await openPlaces(files, cacheDir, repo));
  }
  return places;
}
