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
 * user's own home: elsewhere the system or somebody else needs it as it is, so a new folder is made.
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
  const isOwn = existing === home || existing.startsWith(`${home}/`);
  if (isOwn) return { command: `sudo chown "$USER" ${quoted(existing)}`, folder: path };
  const folder = existing === path ? `${path.replace(/\/$/, "")}/${name}` : path;
  return {
    command: `sudo mkdir -p ${quoted(folder)} && sudo chown "$USER" ${quoted(folder)}`,
    folder,
  };
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
