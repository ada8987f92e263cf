import { dirname } from "node:path";
import type { Files } from "../host/host.ts";
import { errorCode } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { diskFailure, pathOf } from "../run/file-failure.ts";

type Doors = Pick<Files, "readdir"> & Partial<Pick<Files, "access">>;

/** Of `access`. */
const mayEnter = 1;

/** The names in a folder of a store; none where there is no such folder. @throws Failure `models.not_readable`, `disk.…` (1) */
export function namesIn(files: Doors, folder: string): Promise<string[]> {
  return files.readdir(folder).catch(orUnreadable(files, folder));
}

/** All that is in a folder of a store and below it; none where there is no such folder. @throws as `namesIn` */
export function entriesIn(files: Doors, folder: string) {
  return files
    .readdir(folder, { recursive: true, withFileTypes: true })
    .catch(orUnreadable(files, folder));
}

/** What can't be looked into is not empty: whoever took it for that would call models missing, or unused. */
function orUnreadable(files: Doors, folder: string): (error: unknown) => Promise<never[]> {
  return async (error) => {
    const errno = errorCode(error);
    if (errno === null) throw error;
    if (errno === "ENOENT" || errno === "ENOTDIR") return [];
    const ofDisk = diskFailure(error, folder);
    if (ofDisk !== null) throw ofDisk;
    const path = await closedOne(files, pathOf(error) ?? folder);
    throw failure("models.not_readable", { path, errno }, error);
  };
}

/** The highest folder that is closed: what is below it can't be looked at in any way. */
async function closedOne({ access }: Doors, path: string): Promise<string> {
  if (access === undefined) return path;
  let closed = path;
  for (let above = dirname(path); above !== dirname(above); above = dirname(above)) {
    const isOpen = await access(above, mayEnter).then(
      () => true,
      () => false,
    );
    if (!isOpen) closed = above;
  }
  return closed;
}
