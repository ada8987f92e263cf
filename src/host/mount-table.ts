export interface FileSystem {
  /** `/dev/nvme0n1p2`, or what the kernel calls it. */
  readonly device: string;
  /** `ext4`, `exfat`, `cifs`. */
  readonly type: string;
  readonly mount: string;
  /** `259:2`; left out where it is not known. */
  readonly deviceNumber?: string;
  /** Of the file system itself: `mfsymlinks`. */
  readonly options?: readonly string[];
}

/**
 * The mounted file systems, as /proc/self/mountinfo lists them: a later one hides an earlier one at the same place.
 * The table is the kernel's own and never waits for a disk.
 */
export function parseMountTable(text: string): readonly FileSystem[] {
  return text.split("\n").flatMap((line) => {
    // proc(5): id, parent, major:minor, root, mount point, options, optional fields, "-", type, source, super options.
    const [mounted = "", described] = line.split(" - ");
    const [, , deviceNumber, , mount] = mounted.split(" ");
    if (deviceNumber === undefined || mount === undefined || described === undefined) return [];
    const [type = "", device = "", options = ""] = described.split(" ");
    const plain = { type, device: unescaped(device), mount: unescaped(mount) };
    return [{ ...plain, deviceNumber, options: options.split(",") }];
  });
}

/** The kernel writes spaces, tabs, line breaks and backslashes of a path in octal. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_whole, octal: string) =>
    String.fromCodePoint(Number.parseInt(octal, 8)),
  );
}

/** `st_dev` as the table writes it: `259:2`. */
export function deviceNumberOf(dev: number): string {
  const wide = BigInt(dev);
  const major = ((wide >> 8n) & 0xfffn) | ((wide >> 32n) & ~0xfffn);
  const minor = (wide & 0xffn) | ((wide >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

/**
 * The file system that a folder is on: of those with its device number, the one mounted next above it. Where none has that
 * number (btrfs gives each subvolume one of its own), the one mounted next above it.
 */
export function fileSystemOf(
  rows: readonly FileSystem[],
  path: string,
  deviceNumber: string | null = null,
): FileSystem | null {
  const above = rows.filter(
    ({ mount }) => mount === "/" || path === mount || path.startsWith(`${mount}/`),
  );
  const same = above.filter((row) => row.deviceNumber === deviceNumber);
  return (same.length > 0 ? same : above).reduce<FileSystem | null>(
    (best, row) => (best === null || row.mount.length >= best.mount.length ? row : best),
    null,
  );
}
