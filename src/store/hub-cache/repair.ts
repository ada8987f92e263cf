import { join } from "node:path";
import type { Host } from "../../host/host.ts";
import type { Emit } from "../../run/event.ts";
import { failure } from "../../run/failures/table.ts";
import { blobPath, damagedSuffix, lockPath, placesOf, stagedPath } from "./layout.ts";
import { findLockHolder } from "../contents.ts";
import { failureOfFiles } from "../store.ts";
import type { Damage } from "./verify.ts";
import { openPlaces, tidyStaging } from "./prepare.ts";

/** A file that was put aside. */
export interface AsideFile {
  readonly repo: string;
  /** Where it lies now. */
  readonly file: string;
  readonly bytes: number;
}

export interface PutAside {
  readonly host: Pick<Host, "files" | "fileLocks">;
  readonly cacheDir: string;
  readonly damaged: readonly Damage[];
}

/**
 * Renames damaged contents to `<name>.heros-damaged` beside their place, so that the engine takes them for missing. A blob that is a
 * link into a shared store is renamed itself; what it leads to is never written.
 * @throws Failure `cache.busy` where another process works on one, `cache.not_writable`
 */
export async function putAside({ host, cacheDir, damaged }: PutAside): Promise<void> {
  // What is missing has nothing to put aside, and a wrong link is replaced by the engine's own.
  const contents = damaged.filter(({ reason }) => reason !== "missing" && reason !== "link");
  for (const { repo, path, blobName, file } of contents) {
    const places = await openPlaces(host.files, cacheDir, repo);
    const lock = lockPath(places, blobName);
    await host.files.mkdir(places.locks, { recursive: true });
    if ((await host.fileLocks.acquire(lock)) === "busy") {
      const holder = (await findLockHolder(host.files, lock)) ?? "another program";
      throw failure("cache.busy", { repo, path, holder });
    }
    try {
      const isStaged = file.startsWith(`${placesOf(cacheDir, repo).staging}/`);
      const folder = isStaged ? places.staging : places.blobs;
      await host.files.mkdir(folder, { recursive: true });
      const target = join(folder, `${blobName}${damagedSuffix}`);
      await host.files.rm(target, { recursive: true, force: true });
      await host.files.rename(file, target);
    } catch (error) {
      throw failureOfFiles(error, cacheDir);
    } finally {
      host.fileLocks.release(lock);
    }
  }
}

/** Now that sound ones are there. */
export async function removeAside(
  { host, emit }: { readonly host: Pick<Host, "files">; readonly emit: Emit },
  { cacheDir, aside }: { readonly cacheDir: string; readonly aside: readonly AsideFile[] },
): Promise<void> {
  for (const { repo, file, bytes } of aside) {
    await host.files.rm(file, { recursive: true, force: true });
    emit({ type: "file.removed", kind: "damaged", repo, file, bytes });
  }
  await tidyStaging(host.files, { cacheDir, blobs: aside });
}

/** What was put aside, by an interrupted repair too, and whose sound content is there by now. */
export async function findAside(
  { files }: Pick<Host, "files">,
  { cacheDir, repos }: { readonly cacheDir: string; readonly repos: readonly string[] },
): Promise<AsideFile[]> {
  const found: AsideFile[] = [];
  for (const repo of new Set(repos)) {
    const places = placesOf(cacheDir, repo);
    for (const folder of [places.staging, places.blobs]) {
      const names = await files.readdir(folder).catch(() => []);
      for (const name of names.filter((each) => each.endsWith(damagedSuffix))) {
        const blobName = name.slice(0, -damagedSuffix.length);
        const sound = [stagedPath(places, blobName), blobPath(places, blobName)];
        const stats = await Promise.allSettled(sound.map((each) => files.stat(each)));
        if (stats.every(({ status }) => status === "rejected")) continue;
        const file = join(folder, name);
        found.push({ repo, file, bytes: (await files.lstat(file)).size });
      }
    }
  }
  return found;
}
