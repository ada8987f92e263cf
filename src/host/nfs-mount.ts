import type { FileSystem } from "./host.ts";

/**
 * Where this machine has a folder of an NFS server mounted: that folder, or one above it.
 * @param rows of /proc/self/mountinfo
 * @returns the absolute path here; null where it is not mounted
 */
export function findNfsMount(
  rows: readonly FileSystem[],
  { server, path }: { readonly server: string; readonly path: string },
): string | null {
  const wanted = trimmed(path);
  for (const { type, device, mount, options = [] } of rows.toReversed()) {
    if (type !== "nfs" && type !== "nfs4") continue;
    const [, ipv6, name, exported] = /^(?:\[([^\]]+)\]|([^:]+)):(\/.*)$/.exec(device) ?? [];
    // A server has several names; its address stands among the options.
    const isServer = (ipv6 ?? name) === server || options.includes(`addr=${server}`);
    if (!isServer || exported === undefined) continue;
    const above = trimmed(exported);
    if (wanted === above) return mount;
    if (wanted.startsWith(`${above}/`)) return trimmed(mount) + wanted.slice(above.length);
  }
  return null;
}

/** Without the slashes at its end; the root is empty. */
function trimmed(path: string): string {
  return path.replace(/\/+$/, "");
}
