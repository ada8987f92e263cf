import { join } from "node:path";
import type { Files } from "../../host/host.ts";
import { placesOf, type RepoPlaces, stagingName } from "./layout.ts";
import { errorCode } from "../../run/error-code.ts";

/** Makes something in the staging folder, which another heros may have removed as empty a moment ago. */
export async function inStaging<Result>(
  files: Pick<Files, "mkdir">,
  { staging }: RepoPlaces,
  make: () => Promise<Result>,
): Promise<Result> {
  try {
    return await make();
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
  await files.mkdir(staging, { recursive: true });
  return make();
}

/** Removes staging folders in which nothing is left, so that the cache looks to other programs as if they had filled it. */
export async function tidyStaging(
  files: Pick<Files, "rmdir">,
  { cacheDir, blobs }: { readonly cacheDir: string; readonly blobs: readonly { repo: string }[] },
): Promise<void> {
  const repos = new Set(blobs.map(({ repo }) => repo));
  await Promise.all(
    [...repos].map((repo) => files.rmdir(placesOf(cacheDir, repo).staging).catch(() => {})),
  );
  await files.rmdir(join(cacheDir, stagingName)).catch(() => {});
}
