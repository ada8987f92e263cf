import { constants } from "node:fs";
import path from "node:path";
import type { Files, FileSystem, Host } from "./host.ts";
import { findUnmounted, unescaped, type Unmounted } from "./unmounted.ts";

/** A path with its links followed; as it is where it leads nowhere. */
export function realOf(files: Pick<Files, "realpath">, place: string): Promise<string> {
  return files.realpath(place).catch(() => place);
}

/** Whether a path leads to something. What this user may not look at counts as not there. */
export function isThere(
  { files }: { readonly files: Pick<Host["files"], "access"> },
  file: string,
): Promise<boolean> {
  return files.access(file).then(
    () => true,
    () => false,
  );
}

/** Where the first program of this name on the PATH is; null where there is none. */
export async function findOnPath(
  { files, env }: Pick<Host, "files" | "env">,
  name: string,
): Promise<string | null> {
  for (const folder of (env["PATH"] ?? "").split(path.delimiter).filter(path.isAbsolute)) {
    const file = path.join(folder, name);
    if (await isThere({ files }, file)) return file;
  }
  return null;
}

/** The folder that a variable names; where it names none, or a relative one, a folder in the home folder: XDG Base Directory Specification. */
export function folderOfVariable(
  { env, home }: Pick<Host, "env" | "home">,
  name: string,
  inHome: string,
): string {
  const named = env[name];
  return named !== undefined && path.isAbsolute(named) ? named : path.join(home, inHome);
}

/** A folder where something is to go: itself, or the nearest one above it that is there already. */
export interface Place {
  readonly path: string;
  /** Links followed. */
  readonly existing: string;
  /** False where `existing` is above the folder. */
  readonly isThere: boolean;
  /** False where `existing` is no folder. */
  readonly isFolder: boolean;
  /** A link on the way that leads nowhere. */
  readonly dangling: { readonly link: string; readonly target: string } | null;
  /** Why this user can't write there: EACCES, EROFS; null where they can. */
  readonly refusal: Error | null;
  /** As the file system of the folder itself counts them; null where it does not say. */
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  readonly fileSystem: FileSystem | null;
  /** The name of the user whom `existing` belongs to, or their number; null where it is not known. */
  readonly owner: string | null;
  /** A disk that belongs here and is not mounted. */
  readonly unmounted: Unmounted | null;
}

type Doors = Pick<Host, "files" | "system">;

/** Looks at a place without changing anything. */
export async function lookAtPlace({ files, system }: Doors, folder: string): Promise<Place> {
  const found = await nearest(files, folder);
  const { existing } = found;
  const [stats, refusal, space, rows, fstab] = await Promise.all([
    files.stat(existing).catch(() => null),
    files.access(existing, constants.W_OK | constants.X_OK).then(() => null, asError),
    files.statfs(existing).catch(() => null),
    system.fileSystems().catch(() => []),
    files.readFile("/etc/fstab", "utf8").catch(() => ""),
  ]);
  const deviceNumber = stats === null ? null : deviceNumberOf(stats.dev);
  return {
    path: folder,
    ...found,
    isFolder: stats === null || stats.isDirectory(),
    refusal,
    freeBytes: space === null ? null : space.bavail * space.bsize,
    totalBytes: space === null ? null : space.blocks * space.bsize,
    fileSystem: fileSystemOf(rows, existing, deviceNumber),
    owner: refusal === null || stats === null ? null : await userName(files, stats.uid),
    unmounted: findUnmounted(fstab, rows, folder),
  };
}

/** As /etc/passwd has it; of one who is not there, the number: `#1001`. */
export async function userName(files: Pick<Files, "readFile">, uid: number): Promise<string> {
  const users = await files.readFile("/etc/passwd", "utf8").catch(() => "");
  const line = users.split("\n").find((user) => user.split(":")[2] === String(uid));
  return line?.split(":")[0] ?? `#${uid}`;
}

/** A link on the way to a folder that leads nowhere: nothing can be made behind it. Null where there is none. */
export async function findDangling(
  files: Pick<Files, "readlink" | "realpath">,
  folder: string,
): Promise<Place["dangling"]> {
  return (await nearest(files, folder)).dangling;
}

async function nearest(
  files: Pick<Files, "readlink" | "realpath">,
  folder: string,
): Promise<Pick<Place, "existing" | "isThere" | "dangling">> {
  let dangling: Place["dangling"] = null;
  for (let place = folder; ; place = path.dirname(place)) {
    const existing = await files.realpath(place).catch(() => null);
    if (existing !== null) return { existing, isThere: place === folder, dangling };
    const target = await files.readlink(place).catch(() => null);
    if (target !== null) {
      dangling = { link: place, target: path.resolve(path.dirname(place), target) };
    }
    if (place === path.dirname(place)) return { existing: place, isThere: false, dangling };
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
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
  folder: string,
  deviceNumber: string | null = null,
): FileSystem | null {
  const above = rows.filter(
    ({ mount }) => mount === "/" || folder === mount || folder.startsWith(`${mount}/`),
  );
  const same = above.filter((row) => row.deviceNumber === deviceNumber);
  return (same.length > 0 ? same : above).reduce<FileSystem | null>(
    (best, row) => (best === null || row.mount.length >= best.mount.length ? row : best),
    null,
  );
}
