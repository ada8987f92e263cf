import path from "node:path";
import { findNfsMount } from "../host/nfs-mount.ts";
import type { Host } from "../host/host.ts";
import { mountOf } from "../plan/storage.ts";
import { failure } from "../run/failures/table.ts";
import { findCacheDir } from "../source/hub/environment.ts";

type Doors = Pick<Host, "env" | "home" | "cwd" | "files" | "processes" | "system">;

/** The absolute paths of the storages that are always folders of this machine. */
export function storagePaths(host: Pick<Host, "env" | "home" | "cwd">, stackDir: string) {
  return { "hub-cache": findCacheDir(host), "stack-dir": path.join(stackDir, "models") } as const;
}

/**
 * Where heros finds the files of a storage. A value that is none, as an older heros may have kept it, counts as the default.
 * @returns the absolute path of the folder that holds, or will hold, `models--…`
 * @throws Failure `cache.out_of_reach` (1); AbortError
 */
export async function reachStorage(
  host: Doors,
  { stackDir, storage, signal }: { stackDir: string; storage: string; signal?: AbortSignal },
): Promise<string> {
  const paths = storagePaths(host, stackDir);
  if (storage === "stack-dir") return paths["stack-dir"];
  if (storage.startsWith("/")) return storage;
  const mount = mountOf(storage);
  if (mount.kind === "folder") return paths["hub-cache"];
  if (mount.kind === "volume") return reachVolume(host, mount.name, signal);
  const mounted = findNfsMount(await host.system.fileSystems().catch(() => []), mount);
  if (mounted === null) throw failure("cache.out_of_reach", { why: "not-mounted", ...mount });
  return mounted;
}

const readWriteSearch = 4 | 2 | 1;

/** The folder in which the engine keeps the volume, where this user may look into it. */
async function reachVolume(
  { files, ...host }: Doors,
  name: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  // Who keeps models in a folder never needs it.
  const { askVolume } = await import("../docker/volumes.ts");
  const answer = await askVolume(host, name, signal);
  if (answer.state === "unclear") {
    throw failure("cache.out_of_reach", { why: "unclear", name, reason: answer.reason });
  }
  const isThere = answer.state === "there";
  const folder = isThere ? answer.volume.mountpoint : (answer.mountpoint ?? "Docker's folder");
  const closed = failure("cache.out_of_reach", { why: "closed", name, folder });
  if (!path.isAbsolute(folder) || (isThere && answer.volume.mountedOnUse)) throw closed;
  // Of one that is still to be made, the folder of all volumes tells.
  const asked = isThere ? folder : path.dirname(path.dirname(folder));
  const open = await files.access(asked, readWriteSearch).then(
    () => true,
    () => false,
  );
  if (!open) throw closed;
  return folder;
}
