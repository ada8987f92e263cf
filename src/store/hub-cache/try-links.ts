import { join } from "node:path";
import type { Host } from "../../host/host.ts";
import { lookAtPlace } from "../../host/place.ts";
import { noSymlinks } from "../../run/folder-failures.ts";
import { errorCode } from "../../run/error-code.ts";

/**
 * Makes a link in the cache and removes it: without links nothing that is downloaded can be given its name, and that should
 * show before the first byte. SMB, exFAT and FAT answer with EPERM or EOPNOTSUPP.
 * @throws Failure `cache.no_symlinks` (exit 1); Node's errors where not even a file can be made
 */
export async function tryLinks(
  host: Pick<Host, "files" | "system">,
  cacheDir: string,
): Promise<void> {
  const { files } = host;
  // A name that all runs share: one that is killed here leaves what the next one removes.
  const trial = join(cacheDir, ".heros-link");
  await files.rm(trial, { force: true });
  try {
    await files.symlink("blobs", trial);
  } catch (error) {
    // Another run's trial.
    if (errorCode(error) === "EEXIST") return;
    // Where files can't be made either, that is the trouble.
    await files.writeFile(trial, "", { flag: "wx" });
    const { fileSystem } = await lookAtPlace(host, cacheDir);
    throw noSymlinks(cacheDir, fileSystem?.type ?? null, error);
  } finally {
    await files.rm(trial, { force: true });
  }
}
