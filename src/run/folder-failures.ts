import { exitCodes, Failure } from "./failure.ts";
import { areas, type FilePlace } from "./file-failures.ts";
import { quoted } from "./shell.ts";

interface OwnFolder {
  /** Gives the user a folder to write in. */
  readonly command: string;
  /** Which one: the folder that was asked for, or a new one in it. */
  readonly folder: string;
}

/**
 * How a user gets a folder that may not be written to. Never recursive, and a folder that is there is taken only in the
 * user's own home, which itself is nobody's to take: elsewhere the system or somebody else needs it as it is, so a new
 * folder is made.
 * @param wanted.path absolute, the folder that is to be written to
 * @param wanted.existing that folder, or the nearest one above it that is there
 * @param wanted.name of the new folder where `path` is there and has another owner
 */
function ownFolder(wanted: {
  readonly path: string;
  readonly existing: string;
  readonly home: string;
  readonly name: string;
}): OwnFolder {
  const { path, existing, home, name } = wanted;
  if (!isOfSystem(home) && existing.startsWith(`${home}/`))
    return { command: `sudo chown "$USER" ${quoted(existing)}`, folder: path };
  const folder = existing === path ? `${path.replace(/\/$/, "")}/${name}` : path;
  return {
    command: `sudo mkdir -p ${quoted(folder)} && sudo chown "$USER" ${quoted(folder)}`,
    folder,
  };
}

/** Users of the system, and containers, often have a home that is not theirs: `/`, `/usr/sbin`. */
function isOfSystem(home: string): boolean {
  return /^\/*(?:[^/]*\/*$|(?:bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|usr)\/)/.test(home);
}

/** A folder that is to be written to, and may not be. */
export interface ClosedFolder extends FilePlace {
  /** The folder itself, or the nearest one above it that is there. */
  readonly existing: string;
  readonly home: string;
}

/** Before anything is written: nobody but the folder's owner may. */
export function closedFolder(
  { folder, area, existing, home }: ClosedFolder,
  cause?: unknown,
): Failure {
  const { flag, newFolder } = areas[area];
  const own = ownFolder({ path: folder, existing, home, name: newFolder });
  const fix = `Fix: ${own.command}`;
  const hint = own.folder === folder ? `${fix}.` : `${fix}, and use ${own.folder}.`;
  return new Failure({
    code: `${area}.not_writable`,
    message: `Can't write to ${existing}: you don't have permission.`,
    hint: `${hint} Or choose another folder with ${flag}.`,
    formHint: `${hint} Or choose another folder.`,
    exitCode: exitCodes.failed,
    cause,
  });
}

/** A link on the way to a folder that leads nowhere. */
export function danglingLink(
  link: string,
  target: string,
  area: FilePlace["area"] = "cache",
): Failure {
  const mount = `Mount the disk of ${target}, then run heros again.`;
  return new Failure({
    code: `${area}.broken_link`,
    message: `${link} is a link to ${target}, and nothing is there: its disk may not be mounted.`,
    hint: `${mount} Or choose another folder with ${areas[area].flag}.`,
    formHint: `${mount} Or choose another folder.`,
    exitCode: exitCodes.failed,
  });
}

/** The Hub cache is made of links, and this file system has none. @param type as the kernel calls it; null where it is not known */
export function noSymlinks(folder: string, type: string | null, cause?: unknown): Failure {
  const named = type === null ? "Its file system" : `Its file system, ${type},`;
  const need = "Use a folder on a Linux file system, such as ext4.";
  return new Failure({
    code: "cache.no_symlinks",
    message: `Models can't be kept in ${folder}. ${named} has no symbolic links, and the Hub cache is made of them.`,
    hint: `${need} Choose it with --cache-dir.`,
    formHint: need,
    exitCode: exitCodes.failed,
    cause,
  });
}

/** Folders of one model that another user, often root, has made in this user's cache. */
export function closedFolders(folders: readonly string[]): Failure {
  return new Failure({
    code: "cache.not_writable",
    message: `Can't write to ${folders[0] ?? "the cache"}: it belongs to another user.`,
    hint: `Fix: sudo chown "$USER" ${folders.map(quoted).join(" ")}`,
    exitCode: exitCodes.failed,
  });
}
