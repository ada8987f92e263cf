import path from "node:path";
import type { NamedVolume } from "../docker/volumes.ts";
import { findNfsMount } from "../host/nfs-mount.ts";
import type { Host } from "../host/host.ts";
import { mountOf, type NfsExport } from "../plan/storage.ts";
import { stateDirOf } from "../record/state-dir.ts";
import { isAbort } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { findCacheDir } from "../source/hub/environment.ts";

/** The absolute paths of the storages that are always folders of this machine. */
export function storagePaths(host: Pick<Host, "env" | "home" | "cwd">, stackDir: string) {
  return { "hub-cache": findCacheDir(host), "stack-dir": path.join(stackDir, "models") } as const;
}

export interface ReachRequest {
  readonly stackDir: string;
  readonly storage: string;
  readonly signal: AbortSignal;
}

/**
 * Where heros finds the files of a storage: in a folder of this machine, or, where none can be used, under a path that leads
 * into a container. A value that is no storage, as an older heros may have kept it, counts as the default.
 * @returns the absolute path of the folder that holds, or will hold, `models--…`
 * @throws Failure `cache.out_of_reach` (1); AbortError
 */
export async function reachStorage(
  host: Host,
  { stackDir, storage, signal }: ReachRequest,
): Promise<string> {
  const paths = storagePaths(host, stackDir);
  if (storage === "stack-dir") return paths["stack-dir"];
  if (storage.startsWith("/")) return storage;
  const mount = mountOf(storage);
  switch (mount.kind) {
    case "folder":
      return paths["hub-cache"];
    case "volume":
      return (await reachVolume(host, mount.name, signal)).folder;
    case "nfs":
      return reachExport(host, mount, signal);
  }
}

/** Makes the volume of a storage where it is not there yet; any other storage needs nothing. @throws as `reachStorage` */
export async function makeStorage(
  host: Host,
  { storage, signal }: Pick<ReachRequest, "storage" | "signal">,
): Promise<void> {
  const mount = mountOf(storage);
  if (mount.kind !== "volume") return;
  const { name } = mount;
  const before = await reachVolume(host, name, signal);
  if (before.isThere) return;
  const { makeVolume } = await import("../docker/volumes.ts");
  const reason = await makeVolume(host, name, signal);
  if (reason !== null) throw failure("cache.out_of_reach", { why: "unclear", name, reason });
  if (isRouted(host, before.folder))
    await openContainer(host, { folder: before.folder, mount: ofVolume(name), signal });
}

interface ReachedVolume {
  readonly folder: string;
  readonly isThere: boolean;
}

/** The folder in which the engine keeps the volume. */
async function reachVolume(host: Host, name: string, signal: AbortSignal): Promise<ReachedVolume> {
  // Who keeps models in a folder never needs it.
  const { askVolume } = await import("../docker/volumes.ts");
  const answer = await askVolume(host, name, signal);
  if (answer.state === "unclear") {
    throw failure("cache.out_of_reach", { why: "unclear", name, reason: answer.reason });
  }
  const isThere = answer.state === "there";
  const volume = isThere ? answer.volume : null;
  const folder = (isThere ? answer.volume.mountpoint : answer.mountpoint) ?? usualFolder(name);
  if (isRouted(host, folder)) return { folder, isThere };
  if (await isOpenHere(host, folder, volume)) return { folder, isThere };
  try {
    // Of one that is still to be made there is an empty one to look at, which is gone when heros ends.
    const mount = isThere ? ofVolume(name) : ["type=volume"];
    await openContainer(host, { folder, mount, signal });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw failure("cache.out_of_reach", { why: "closed", name, folder, reason: wordsOf(error) });
  }
  return { folder, isThere };
}

function usualFolder(name: string): string {
  return path.join("/var/lib/docker/volumes", name, "_data");
}

function ofVolume(name: string): readonly string[] {
  return ["type=volume", `source=${name}`];
}

const readWriteSearch = 4 | 2 | 1;

/** Whether this user may work in the volume's folder: root may, and who runs Docker without root. */
async function isOpenHere(
  { files }: Pick<Host, "files">,
  folder: string,
  volume: NamedVolume | null,
): Promise<boolean> {
  if (volume?.mountedOnUse === true) return false;
  // Of one that is still to be made, the folder of all volumes tells.
  const asked = volume === null ? path.dirname(path.dirname(folder)) : folder;
  return files.access(asked, readWriteSearch).then(
    () => true,
    () => false,
  );
}

/** Where the export is mounted here, else a path that leads into a container that mounts it. */
async function reachExport(
  host: Host,
  { server, path: exported }: NfsExport,
  signal: AbortSignal,
): Promise<string> {
  const found = findNfsMount(await host.system.fileSystems().catch(() => []), {
    server,
    path: exported,
  });
  if (found !== null) return found;
  // As automounters name it.
  const folder = path.join("/net", server, exported);
  if (isRouted(host, folder)) return folder;
  try {
    const { nfsOptions } = await import("../deploy/compose/override.ts");
    const options = Object.entries(nfsOptions({ server, path: exported }));
    const given = options.map(([key, value]) => `volume-opt=${key}=${value}`);
    const mount = ["type=volume", "volume-driver=local", ...given];
    await openContainer(host, { folder, mount, signal });
  } catch (error) {
    if (isAbort(error)) throw error;
    const reason = wordsOf(error);
    throw failure("cache.out_of_reach", { why: "not-mounted", server, path: exported, reason });
  }
  return folder;
}

function isRouted({ routes }: Host, folder: string): boolean {
  return routes !== undefined && routes.find(folder) !== null;
}

async function openContainer(
  host: Host,
  container: {
    readonly folder: string;
    readonly mount: readonly string[];
    readonly signal: AbortSignal;
  },
): Promise<void> {
  if (host.routes === undefined) throw new Error("no container can be used here");
  const { openVolume } = await import("../docker/volume-container.ts");
  const locksDir = path.join(stateDirOf(host), "locks");
  host.routes.add(await openVolume({ host, ...container, locksDir }));
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The folders of earlier storages, as far as heros still gets at them. @throws AbortError */
export async function reachFormer(
  host: Host,
  { former, ...asked }: Omit<ReachRequest, "storage"> & { readonly former: readonly string[] },
): Promise<readonly string[]> {
  const folders = await Promise.all(
    former.map((storage) =>
      reachStorage(host, { ...asked, storage }).catch((error: unknown) => {
        if (isAbort(error)) throw error;
        return null;
      }),
    ),
  );
  return [...new Set(folders.filter((folder) => folder !== null))];
}
