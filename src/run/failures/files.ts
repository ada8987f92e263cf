import { type ExitCode, exitCodes, row } from "../failure.ts";
import { quoted } from "../shell-quote.ts";

/** Whose folder it is. */
export type Area = keyof typeof areas;

const areas = {
  cache: { flag: "--cache-dir", noun: "models", newFolder: "models" },
  stack: { flag: "--stack-dir", noun: "the stack's files", newFolder: "stack" },
  ollama: { flag: "OLLAMA_MODELS", noun: "Ollama's models", newFolder: "models" },
} as const;

/** The flag, or the variable, that chooses another folder. */
export function flagOf(area: Area): string {
  return areas[area].flag;
}

interface DiskError {
  readonly path: string;
  /** Linux' name of it: `ENOSPC`. */
  readonly errno: string;
  /** Chooses another folder; left out where none can be chosen. */
  readonly flag?: string | undefined;
}

interface DiskRow {
  readonly exitCode: ExitCode;
  readonly message: (path: string) => string;
  readonly hint: string;
  /** False: another folder would not help either, or the hint says it all. */
  readonly elsewhere: boolean;
}

/** What disks and limits cause wherever it happens. */
function diskRow({ exitCode, message, hint, elsewhere }: DiskRow) {
  const another = elsewhere ? `${hint} Or choose another folder` : null;
  return row<DiskError>({
    exitCode,
    message: ({ path, errno }) => `${message(path)} (${errno}).`,
    hint: ({ flag }) =>
      another === null || flag === undefined ? hint : `${another} with ${flag}.`,
    formHint: () => (another === null ? hint : `${another}.`),
  });
}

const goesOn = "run heros again: it continues where it stopped.";

/** Why a path can't be written, although its disk works. */
const refusals = {
  EACCES: (path: string) => `you don't have permission to write to ${path}`,
  EPERM: (path: string) => `the system does not permit it at ${path}`,
  ENOTDIR: (path: string) => `${path}, or part of it, is a file instead of a folder`,
  EEXIST: (path: string) => `${path} already exists`,
  EISDIR: (path: string) => `${path} is a folder instead of a file`,
  ENOTEMPTY: (path: string) => `the folder ${path} is not empty`,
  ELOOP: (path: string) => `${path} contains a loop of links`,
};

export type Refusal = keyof typeof refusals;

export function isRefusal(errno: string): errno is Refusal {
  return Object.hasOwn(refusals, errno);
}

/** Why a folder's files can't be written. */
type NotWritable =
  /** The system says so of a path in the folder. */
  | {
      readonly why: "refused";
      readonly folder: string;
      readonly path: string;
      readonly errno: Refusal;
    }
  /** Nobody but its owner may write to a folder, or to the nearest one above it that is there. */
  | {
      readonly why: "closed";
      readonly folder: string;
      readonly existing: string;
      readonly home: string;
      /** Whose `existing` is; left out where it is not known. */
      readonly owner?: string | null;
    }
  /** Folders of one model belong to another user. */
  | { readonly why: "owned"; readonly folders: readonly string[] }
  | { readonly why: "read-only"; readonly file: string };

/** Why heros can't get at the files of a storage. */
type OutOfReach =
  /** `reason`: why a container can't look into it either. */
  | {
      readonly why: "closed";
      readonly name: string;
      readonly folder: string;
      readonly reason: string;
    }
  | { readonly why: "unclear"; readonly name: string; readonly reason: string }
  | {
      readonly why: "not-mounted";
      readonly server: string;
      readonly path: string;
      readonly reason: string;
    };

function reachOf(data: OutOfReach): string {
  switch (data.why) {
    case "closed":
      return "Run heros as root (sudo).";
    case "unclear":
      return `Check Docker: docker volume inspect ${quoted(data.name)}.`;
    case "not-mounted": {
      const { server, path } = data;
      const host = server.includes(":") ? `[${server}]` : server;
      return `Mount it: sudo mount -t nfs -o nolock,soft,rw ${quoted(`${host}:${path}`)} /mnt.`;
    }
  }
}

function notWritableRow(area: Area) {
  const { flag, noun } = areas[area];
  return row<NotWritable>({
    exitCode: exitCodes.failed,
    message(data) {
      switch (data.why) {
        case "refused":
          return `Can't write ${noun} in ${data.folder}: ${refusals[data.errno](data.path)}.`;
        case "closed":
          return typeof data.owner === "string"
            ? `Can't write to ${data.existing}, which belongs to ${data.owner}: you don't have permission.`
            : `Can't write to ${data.existing}: you don't have permission.`;
        case "owned":
          return `Can't write to ${data.folders[0] ?? "the cache"}: it belongs to another user.`;
        case "read-only":
          return `heros must change ${data.file}, which is read-only.`;
      }
    },
    hint(data) {
      const { fix, elsewhere } = remedyOf(data, area);
      return elsewhere ? `${fix} Or choose another folder with ${flag}.` : fix;
    },
    formHint(data) {
      const { fix, elsewhere } = remedyOf(data, area);
      return elsewhere ? `${fix} Or choose another folder.` : fix;
    },
  });
}

function remedyOf(data: NotWritable, area: Area): { fix: string; elsewhere: boolean } {
  switch (data.why) {
    case "refused":
      return { fix: `Check that path: ls -ld ${quoted(data.path)}.`, elsewhere: true };
    case "closed": {
      if (area === "ollama" && isWithin(data))
        return { fix: asRoot(data.folder), elsewhere: false };
      const own = ownFolder(data, areas[area].newFolder);
      const use = own.folder === data.folder ? "" : `, and use ${own.folder}`;
      return { fix: `Fix: ${own.command}${use}.`, elsewhere: true };
    }
    case "owned":
      return {
        fix: `Fix: sudo chown "$USER" ${data.folders.map(quoted).join(" ")}`,
        elsewhere: false,
      };
    case "read-only":
      return { fix: `Make it writable: chmod u+w ${quoted(data.file)}`, elsewhere: false };
  }
}

/** Somebody else's folder is there already. */
function isWithin({ folder, existing }: { folder: string; existing: string }): boolean {
  return existing === folder || existing.startsWith(`${folder}/`);
}

/** Ollama of the whole machine runs as a user of its own, to whom root gives what it downloads. */
function asRoot(folder: string): string {
  return `Run heros as root: sudo env OLLAMA_MODELS=${quoted(folder)} "$(command -v heros)" pull MODEL. What it downloads then belongs to the folder's owner.`;
}

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
 * @param name of the new folder where the one that was asked for is there and has another owner
 */
function ownFolder(
  { folder: path, existing, home }: { folder: string; existing: string; home: string },
  name: string,
): OwnFolder {
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

/** A broken link in the path of a folder; `target` is null where it was not read. */
function brokenLinkRow(area: Area) {
  const mount = (target: string): string =>
    `Mount the disk that holds ${target}, then run heros again. Or choose another folder`;
  const remove = (link: string): string =>
    `See where it points: ls -l ${quoted(link)}. Mount that disk, or remove the link.`;
  return row<{ readonly link: string; readonly target: string | null }>({
    exitCode: exitCodes.failed,
    message: ({ link, target }) =>
      target === null
        ? `${link} is a broken link.`
        : `${link} links to ${target}, which does not exist. Its disk may not be mounted.`,
    hint: ({ link, target }) =>
      target === null ? remove(link) : `${mount(target)} with ${areas[area].flag}.`,
    formHint: ({ link, target }) => (target === null ? remove(link) : `${mount(target)}.`),
  });
}

function shortened(path: string): string {
  return path.length <= 100 ? path : `${path.slice(0, 60)}…${path.slice(-30)}`;
}

const onLinuxDisk = "Use a folder on a Linux file system, such as ext4.";

/** Disks, files and folders. */
export const fileFailures = {
  "disk.full": diskRow({
    exitCode: exitCodes.disk,
    message: (path) => `The disk that holds ${path} is full`,
    hint: `Free some space, then ${goesOn}`,
    elsewhere: false,
  }),
  "disk.quota": diskRow({
    exitCode: exitCodes.disk,
    message: (path) => `Your disk quota for ${path} is exceeded`,
    hint: `Delete files of yours on that disk, or ask its administrator for a larger quota, then ${goesOn}`,
    elsewhere: false,
  }),
  "disk.failing": diskRow({
    exitCode: exitCodes.failed,
    message: (path) => `The disk that holds ${path} reports an error and may be failing`,
    hint: "Check the system log: sudo dmesg | tail.",
    elsewhere: true,
  }),
  "disk.gone": diskRow({
    exitCode: exitCodes.failed,
    message: (path) => `The disk that holds ${path} is no longer available`,
    hint: `Reconnect or remount it, then ${goesOn}`,
    elsewhere: false,
  }),
  /** `mount`: where /etc/fstab has it. */
  "disk.not_mounted": row<{
    readonly folder: string;
    readonly device: string;
    readonly mount: string;
  }>({
    exitCode: exitCodes.failed,
    message: ({ folder, device, mount }) =>
      `Can't use ${folder}: ${device}, which belongs at ${mount}, is not mounted.`,
    hint: ({ mount }) => `Mount it: sudo mount ${quoted(mount)}. Or choose another folder.`,
  }),
  "disk.unsupported": diskRow({
    exitCode: exitCodes.failed,
    message: (path) => `The file system of ${path} lacks features that heros needs`,
    hint: "Use a disk with a Linux file system, such as ext4.",
    elsewhere: true,
  }),
  "disk.read_only": diskRow({
    exitCode: exitCodes.failed,
    message: (path) => `The disk that holds ${path} is read-only`,
    hint: "If it was writable before, the system may have found errors on it: sudo dmesg | tail.",
    elsewhere: true,
  }),
  "disk.file_too_large": diskRow({
    exitCode: exitCodes.disk,
    message: (path) => `A file at ${path} is larger than its file system or this terminal allows`,
    hint: "Check that ulimit -f says unlimited and that the disk has a Linux file system, such as ext4.",
    elsewhere: true,
  }),
  "path.too_long": diskRow({
    exitCode: exitCodes.failed,
    message: (path) => `The path ${shortened(path)} is too long for its file system`,
    hint: "Use a folder with a shorter path.",
    elsewhere: true,
  }),
  "files.too_many_open": diskRow({
    exitCode: exitCodes.failed,
    message: () => "Too many open files: this terminal's limit is too low",
    hint: "Raise it (ulimit -n 4096), then run heros again.",
    elsewhere: false,
  }),
  "cache.not_writable": notWritableRow("cache"),
  "stack.not_writable": notWritableRow("stack"),
  "cache.broken_link": brokenLinkRow("cache"),
  "stack.broken_link": brokenLinkRow("stack"),
  "ollama.not_writable": notWritableRow("ollama"),
  "ollama.broken_link": brokenLinkRow("ollama"),
  /** The Hub cache is made of links. `type` is as the kernel calls the file system; null where it is not known. */
  "cache.no_symlinks": row<{ readonly folder: string; readonly type: string | null }>({
    exitCode: exitCodes.failed,
    message({ folder, type }) {
      const named = type === null ? "its file system" : `its file system (${type})`;
      return `Can't keep models in ${folder}: ${named} has no symbolic links, which the Hub cache needs.`;
    },
    hint: () => `${onLinuxDisk} Choose it with --cache-dir.`,
    formHint: () => onLinuxDisk,
  }),
  /** What an answer names as the storage: `volume:stack_model-cache`, `nfs:nas:/models`. */
  "cache.out_of_reach": row<OutOfReach>({
    exitCode: exitCodes.failed,
    message(data) {
      switch (data.why) {
        case "closed":
          return `Can't look into the Docker volume ${data.name}: ${data.folder} is closed to you, and a container can't read it: ${data.reason}`;
        case "unclear":
          return `Can't find out about the Docker volume ${data.name}: ${data.reason}.`;
        case "not-mounted":
          return `${data.server}:${data.path} is not mounted on this machine, and a container can't mount it: ${data.reason}`;
      }
    },
    hint: (data) => `${reachOf(data)} Or choose another place with --storage.`,
    formHint: (data) => `${reachOf(data)} Or choose another place.`,
  }),
  "stack.no_text_file": row<{ readonly path: string }>({
    exitCode: exitCodes.usage,
    message: ({ path }) => `Can't read ${path}: it is not a regular text file, or it is too large.`,
    hint: () => "Replace it with a regular file, or choose another folder with --stack-dir.",
  }),
};
