import type { FileSystem } from "./host.ts";

/** A disk that belongs at a place and is not there. */
export interface Unmounted {
  /** `/dev/sda1`, `UUID=…`, `nas:/export`: as /etc/fstab has it. */
  readonly device: string;
  readonly mount: string;
}

/**
 * The disk that /etc/fstab wants mounted at a folder, or above it, and that is not: what is written there would go to
 * another disk, and be hidden once it comes.
 * @param fstab text of /etc/fstab
 * @param rows that are mounted; none where that is not known
 */
export function findUnmounted(
  fstab: string,
  rows: readonly FileSystem[],
  folder: string,
): Unmounted | null {
  const mounted = new Set(rows.map(({ mount }) => mount));
  if (mounted.size === 0) return null;
  const wanted = fstab.split("\n").flatMap((line) => {
    const [device = "", mount = ""] = line.trim().split(/\s+/).map(unescaped);
    const above = mount.startsWith("/") && mount !== "/" && `${folder}/`.startsWith(`${mount}/`);
    return above && !device.startsWith("#") ? [{ device, mount }] : [];
  });
  // The nearest one is whose files would be there.
  const nearest = wanted.toSorted((one, other) => other.mount.length - one.mount.length)[0];
  return nearest === undefined || mounted.has(nearest.mount) ? null : nearest;
}

/** The kernel's tables and fstab(5) write spaces, tabs, line breaks and backslashes of a path in octal. */
export function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_whole, octal: string) =>
    String.fromCodePoint(Number.parseInt(octal, 8)),
  );
}
