import { errorCode, type Failure } from "./failure.ts";
import { type Area, flagOf, isRefusal } from "./failures/files.ts";
import { failure } from "./failures/table.ts";

/** Where an error of the file system happened. */
export interface FilePlace {
  /** Named where the error names no path of its own. */
  readonly folder: string;
  /** Whose folder it is: what can't be written there is `cache.not_writable` or `stack.not_writable`. */
  readonly area: Area;
}

/** What each error of disks and limits means, by Linux' name of it. Permissions and things in the way are refusals. */
const codes = {
  ENOSPC: "disk.full",
  EDQUOT: "disk.quota",
  EROFS: "disk.read_only",
  EIO: "disk.failing",
  EUCLEAN: "disk.failing",
  EREMOTEIO: "disk.failing",
  ESTALE: "disk.gone",
  ENODEV: "disk.gone",
  ENXIO: "disk.gone",
  ENOMEDIUM: "disk.gone",
  ENOTCONN: "disk.gone",
  EFBIG: "disk.file_too_large",
  EMFILE: "files.too_many_open",
  ENFILE: "files.too_many_open",
  ENAMETOOLONG: "path.too_long",
  EOPNOTSUPP: "disk.unsupported",
  ENOTSUP: "disk.unsupported",
  ENOSYS: "disk.unsupported",
} as const;

/** Errors of Linux that Node has no name for. */
const unnamed: Readonly<Record<number, string>> = {
  116: "ESTALE",
  117: "EUCLEAN",
  121: "EREMOTEIO",
  122: "EDQUOT",
  123: "ENOMEDIUM",
};

/** Calls whose refusals are the network's. */
const ofNetwork = /^(?:connect|bind|listen|accept|getaddrinfo|shutdown|send|recv)/;

/** An error of the file system as a failure that says what to do; null for every other error. */
export function fileFailure(error: unknown, { folder, area }: FilePlace): Failure | null {
  const ofDisk = diskFailure(error, folder, flagOf(area));
  if (ofDisk !== null) return ofDisk;
  const errno = nameOf(error) ?? "";
  if (!isRefusal(errno) || isOfNetwork(error)) return null;
  const path = pathOf(error) ?? folder;
  return failure(`${area}.not_writable`, { why: "refused", folder, path, errno }, error);
}

/** As `fileFailure`, for what disks and limits cause wherever it happens; null for other errors. */
export function diskFailure(error: unknown, folder?: string, flag?: string): Failure | null {
  const errno = nameOf(error);
  if (errno === null || !isDiskError(errno)) return null;
  const code = codes[errno];
  if (isOfNetwork(error) && code !== "files.too_many_open") return null;
  const path = pathOf(error) ?? folder ?? "a file of heros";
  return failure(code, { path, errno, flag }, error);
}

function isDiskError(errno: string): errno is keyof typeof codes {
  return Object.hasOwn(codes, errno);
}

function nameOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const number = "errno" in error && typeof error.errno === "number" ? -error.errno : 0;
  const code = errorCode(error);
  // A thread that could not be started says why in words alone.
  if (code === "ERR_WORKER_INIT_FAILED") return /\bE[A-Z]+$/.exec(error.message)?.[0] ?? code;
  if (code === "ERR_FS_EISDIR") return "EISDIR"; // Of `rm`.
  return unnamed[number] ?? code;
}

/** The path that the error is about; of a rename or a link, the one that was to be made. */
export function pathOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ("dest" in error && typeof error.dest === "string") return error.dest;
  return "path" in error && typeof error.path === "string" ? error.path : null;
}

function isOfNetwork(error: unknown): boolean {
  const call = error instanceof Error && "syscall" in error ? error.syscall : null;
  return typeof call === "string" && ofNetwork.test(call);
}
