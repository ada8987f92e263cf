import { exitCodes, Failure, type ExitCode } from "./failure.ts";
import { quoted } from "./shell.ts";
import { errorCode } from "./error-code.ts";

/** Where an error of the file system happened. */
export interface FilePlace {
  /** Named where the error names no path of its own. */
  readonly folder: string;
  /** Whose folder it is: what can't be written there is `cache.not_writable` or `stack.not_writable`. */
  readonly area: keyof typeof areas;
}

export const areas = {
  cache: { flag: "--cache-dir", noun: "models", newFolder: "models" },
  stack: { flag: "--stack-dir", noun: "Annie's files", newFolder: "her-os" },
} as const;

interface Words {
  readonly message: string;
  readonly hint: string;
  /** False: another folder would not help either, or the hint says it all. */
  readonly elsewhere: boolean;
}

interface Kind {
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly words: (path: string) => Words;
}

const full = "run heros again: it continues where it stopped.";
const diskFull: Kind = {
  code: "disk.full",
  exitCode: exitCodes.disk,
  words: (path) => ({
    message: `The disk of ${path} is full.`,
    hint: `Free some space, then ${full}`,
    elsewhere: false,
  }),
};
const quota: Kind = {
  code: "disk.quota",
  exitCode: exitCodes.disk,
  words: (path) => ({
    message: `Your disk quota for ${path} is used up.`,
    hint: `Delete files of yours on that disk, or ask its administrator for a larger quota; then ${full}`,
    elsewhere: false,
  }),
};
const failing: Kind = {
  code: "disk.failing",
  exitCode: exitCodes.failed,
  words: (path) => ({
    message: `The disk of ${path} reports an error: it may be failing.`,
    hint: "See what the system says about it: sudo dmesg | tail.",
    elsewhere: true,
  }),
};
const gone: Kind = {
  code: "disk.gone",
  exitCode: exitCodes.failed,
  words: (path) => ({
    message: `The disk of ${path} is no longer there.`,
    hint: `Connect it, or mount it again. Then ${full}`,
    elsewhere: false,
  }),
};
const unsupported: Kind = {
  code: "disk.unsupported",
  exitCode: exitCodes.failed,
  words: (path) => ({
    message: `The file system of ${path} can't do what heros needs.`,
    hint: "Use a disk with a Linux file system, such as ext4.",
    elsewhere: true,
  }),
};
const tooManyOpen: Kind = {
  code: "files.too_many_open",
  exitCode: exitCodes.failed,
  words: () => ({
    message: "Too many files are open: this terminal's limit is too low.",
    hint: "Raise it with ulimit -n 4096, then run heros again.",
    elsewhere: false,
  }),
};

/** What each error of the file system means, by Linux' name of it. Permissions and things in the way are in `refusals`. */
const kinds: Readonly<Record<string, Kind>> = {
  ENOSPC: diskFull,
  EDQUOT: quota,
  EROFS: {
    code: "disk.read_only",
    exitCode: exitCodes.failed,
    words: (path) => ({
      message: `The disk of ${path} is read-only.`,
      hint: "If it was writable before, the system may have found it damaged: sudo dmesg | tail.",
      elsewhere: true,
    }),
  },
  EIO: failing,
  EUCLEAN: failing,
  EREMOTEIO: failing,
  ESTALE: gone,
  ENODEV: gone,
  ENXIO: gone,
  ENOMEDIUM: gone,
  ENOTCONN: gone,
  EFBIG: {
    code: "disk.file_too_large",
    exitCode: exitCodes.disk,
    words: (path) => ({
      message: `A file for ${path} is larger than its file system, or this terminal, allows.`,
      hint: "ulimit -f should say unlimited, and the disk should have a Linux file system, such as ext4.",
      elsewhere: true,
    }),
  },
  EMFILE: tooManyOpen,
  ENFILE: tooManyOpen,
  ENAMETOOLONG: {
    code: "path.too_long",
    exitCode: exitCodes.failed,
    words: (path) => ({
      message: `The path ${shortened(path)} is too long for its file system.`,
      hint: "Use a folder with a shorter path.",
      elsewhere: true,
    }),
  },
  EOPNOTSUPP: unsupported,
  ENOTSUP: unsupported,
  ENOSYS: unsupported,
};

/** Why a path can't be written, although its disk is in order. */
const refusals: Readonly<Record<string, (path: string) => string>> = {
  EACCES: (path) => `you may not write to ${path}`,
  EPERM: (path) => `the system does not allow it at ${path}`,
  ENOTDIR: (path) => `${path} is, or leads through, a file that should be a folder`,
  EEXIST: (path) => `something else is at ${path}`,
  EISDIR: (path) => `${path} is a folder and should be a file`,
  ENOTEMPTY: (path) => `the folder ${path} is in the way`,
  ELOOP: (path) => `${path} leads through links that go in a circle`,
};

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
  const { flag, noun } = areas[area];
  const broken = diskFailure(error, folder, flag);
  if (broken !== null) return broken;
  const refusal = refusals[nameOf(error) ?? ""];
  if (refusal === undefined || isOfNetwork(error)) return null;
  const path = pathOf(error) ?? folder;
  const look = `See what is there: ls -ld ${quoted(path)}.`;
  return new Failure({
    code: `${area}.not_writable`,
    message: `Can't write ${noun} in ${folder}: ${refusal(path)}.`,
    hint: `${look} Or choose another folder with ${flag}.`,
    formHint: `${look} Or choose another folder.`,
    exitCode: exitCodes.failed,
    cause: error,
  });
}

/** As `fileFailure`, for what disks and limits cause wherever it happens; null for other errors. */
export function diskFailure(error: unknown, folder?: string, flag?: string): Failure | null {
  const name = nameOf(error);
  const kind = name === null ? undefined : kinds[name];
  if (kind === undefined || (isOfNetwork(error) && kind !== tooManyOpen)) return null;
  const path = pathOf(error) ?? folder ?? "a file of heros";
  const { message, hint, elsewhere } = kind.words(path);
  const named = `${message} (${name})`;
  return new Failure({
    code: kind.code,
    message: named,
    hint: elsewhere && flag !== undefined ? `${hint} Or choose another folder with ${flag}.` : hint,
    formHint: elsewhere ? `${hint} Or choose another folder.` : hint,
    exitCode: kind.exitCode,
    cause: error,
  });
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
function pathOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ("dest" in error && typeof error.dest === "string") return error.dest;
  return "path" in error && typeof error.path === "string" ? error.path : null;
}

function isOfNetwork(error: unknown): boolean {
  const call = error instanceof Error && "syscall" in error ? error.syscall : null;
  return typeof call === "string" && ofNetwork.test(call);
}

function shortened(path: string): string {
  return path.length <= 100 ? path : `${path.slice(0, 60)}…${path.slice(-30)}`;
}
