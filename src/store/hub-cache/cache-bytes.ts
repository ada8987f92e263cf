import { join } from "node:path";
import type { Files } from "../../host/host.ts";
import { sideBySide } from "../../run/concurrency.ts";
import { foldersOf, repoOfFolder } from "./layout.ts";

/** The bytes of all contents in the Hub cache that models have, each once. */
export async function cacheBytes(
  files: Pick<Files, "readdir" | "lstat">,
  cacheDir: string,
  signal: AbortSignal,
): Promise<number> {
  const names = await files.readdir(cacheDir).catch(() => []);
  const repos = names.filter((name) => repoOfFolder(name) !== null);
  let bytes = 0;
  await sideBySide(repos, 4, signal, async (repo) => {
    const { blobs } = foldersOf(join(cacheDir, repo));
    for (const blob of await files.readdir(blobs).catch(() => [])) {
      const found = await files.lstat(join(blobs, blob)).catch(() => null);
      if (found?.isFile() === true) bytes += found.size;
    }
  });
  return bytes;
}
