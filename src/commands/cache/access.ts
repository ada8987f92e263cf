import type { Stats } from "node:fs";
import path from "node:path";
import type { ContainerUser } from "../../docker/container-user.ts";
import type { Host } from "../../host/host.ts";

/** How many files and folders are looked at: of the largest caches not all, for a container may not wait for that. */
const mostLooks = 2000;
/** How many are named. */
const mostNamed = 3;

export interface CacheAccess {
  /** Files and folders that the user can't read. */
  readonly unreadable: readonly string[];
  /** Folders in which they can't make what a download makes. */
  readonly unwritable: readonly string[];
  /** Models that are links to elsewhere, which lead nowhere inside a container. */
  readonly outside: readonly string[];
}

/**
 * What a container's user can do in a cache that is mounted there. What lies above the mounted folder does not matter: the
 * container sees none of it. Supplementary groups are not known, so a group's bits count where they may help.
 * @param roots the mounted folder, and the cache if that is further down
 */
export async function judgeAccess(
  { files }: Pick<Host, "files">,
  { roots, cacheDir, user }: { roots: readonly string[]; cacheDir: string; user: ContainerUser },
): Promise<CacheAccess> {
  const unreadable: string[] = [];
  const unwritable: string[] = [];
  const outside: string[] = [];
  let looks = 0;
  const look = async (place: string): Promise<Stats | null> => {
    looks += 1;
    const stats = looks > mostLooks ? null : await files.lstat(place).catch(() => null);
    if (stats === null || stats.isSymbolicLink()) return stats;
    const wanted = stats.isDirectory() ? 0o5 : 0o4;
    if (!may(stats, user, wanted)) unreadable.push(place);
    return stats;
  };
  const list = (place: string) => files.readdir(place).catch(() => []);

  for (const root of roots) {
    const stats = await files.stat(root).catch(() => null);
    if (stats === null) continue;
    if (!may(stats, user, 0o5)) unreadable.push(root);
    if (!may(stats, user, 0o3)) unwritable.push(root);
  }
  for (const name of await list(cacheDir)) {
    if (!/^(?:models|datasets|spaces)--/u.test(name)) continue;
    const model = path.join(cacheDir, name);
    const stats = await look(model);
    if (stats?.isSymbolicLink() === true) outside.push(model);
    if (stats?.isDirectory() !== true) continue;
    for (const part of ["blobs", "snapshots", "refs"]) {
      const folder = path.join(model, part);
      if ((await look(folder)) === null) continue;
      for (const each of await list(folder)) await look(path.join(folder, each));
    }
  }
  return { unreadable, unwritable, outside };
}

/** The first few, and how many more. */
export function named(paths: readonly string[]) {
  return { paths: paths.slice(0, mostNamed), others: Math.max(0, paths.length - mostNamed) };
}

/** @param wanted bits of one class: 4 to read, 2 to write, 1 to enter */
function may(stats: Stats, { uid, gid }: ContainerUser, wanted: number): boolean {
  if (uid === 0) return true;
  const has = (shift: number): boolean => ((stats.mode >> shift) & wanted) === wanted;
  if (stats.uid === uid) return has(6);
  if (gid === null) return has(3) || has(0);
  return stats.gid === gid ? has(3) : has(0);
}
