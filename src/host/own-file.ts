import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { Files } from "./host.ts";
import { errorCode } from "../run/failure.ts";

/** There is nothing to open there, or nothing that a file of ours could be. */
const absent = ["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "EISDIR", "EACCES", "EPERM"];

/**
 * Opens a file that this user made in a folder where others may write too: one that is a link, has a second name, or
 * belongs to somebody else than this user and the folder's owner is not taken, whatever stood under the name a moment before. Null where there is none.
 * @throws Node's other errors
 */
export async function openOwn(
  files: Pick<Files, "open" | "stat">,
  path: string,
  access: "read" | "write",
): Promise<FileHandle | null> {
  const { O_RDONLY, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
  const way = access === "read" ? O_RDONLY : O_RDWR;
  let handle: FileHandle;
  try {
    handle = await files.open(path, way | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (absent.includes(errorCode(error) ?? "")) return null;
    throw error;
  }
  try {
    const [found, uid, folder] = await Promise.all([
      handle.stat(),
      ownUid(files),
      files.stat(dirname(path)),
    ]);
    // A disk that gives all files to one user gives the folder to the same.
    const isOwn = found.uid === uid || found.uid === folder.uid;
    if (found.isFile() && found.nlink === 1 && isOwn) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return null;
}

/** Opens a file to read it, whoever's it is, and not what a link leads to. @throws Node's errors */
export function openUnlinked(files: Pick<Files, "open">, path: string): Promise<FileHandle> {
  return files.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

/** Opens what there is to read it, a link's file too: a pipe is not waited for. @throws Node's errors */
export function openUnwaited(files: Pick<Files, "open">, path: string): Promise<FileHandle> {
  return files.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** What is in a file that is no longer than this; null for one that is, for what is no file, and for what can't be opened or read. */
export async function readShort(
  opening: Promise<FileHandle>,
  maxBytes: number,
): Promise<Buffer | null> {
  const handle = await opening.catch(() => null);
  if (handle === null) return null;
  try {
    const found = await handle.stat();
    return found.isFile() && found.size <= maxBytes ? await handle.readFile() : null;
  } catch {
    return null;
  } finally {
    await handle.close();
  }
}

/** The same as a text, empty in the place of null. */
export async function readShortText(
  opening: Promise<FileHandle>,
  maxBytes: number,
): Promise<string> {
  return (await readShort(opening, maxBytes))?.toString("utf8") ?? "";
}

/** The user whom this process acts for. */
export async function ownUid(files: Pick<Files, "stat">): Promise<number> {
  const { uid } = await files.stat("/proc/self");
  return uid;
}
