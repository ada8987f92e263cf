import type * as fs from "node:fs/promises";
import type { FileLocks } from "./file-locks.ts";
import type { Network } from "./network.ts";
import type { Processes } from "./processes.ts";

/** The calls on files that heros makes; the real ones are Node's own. */
export type Files = Pick<
  typeof fs,
  | "access"
  | "chmod"
  | "cp"
  | "link"
  | "lstat"
  | "mkdir"
  | "mkdtemp"
  | "open"
  | "readdir"
  | "readFile"
  | "readlink"
  | "realpath"
  | "rename"
  | "rm"
  | "rmdir"
  | "stat"
  | "statfs"
  | "symlink"
  | "truncate"
  | "unlink"
  | "utimes"
  | "writeFile"
>;

/** A program of heros that runs in a thread, and what it says. */
export interface ThreadStart {
  /** Absolute path of the program. */
  readonly script: string;
  readonly onMessage: (message: unknown) => void;
  readonly onError: (error: Error) => void;
}

export interface ThreadChannel {
  post(message: unknown): void;
  end(): Promise<void>;
}

/** Files below a folder that this process does not open itself. */
export interface FileRoute {
  /** Absolute. */
  readonly folder: string;
  readonly files: Files;
  readonly fileLocks: Pick<FileLocks, "acquire" | "release">;
  startThread(start: ThreadStart): ThreadChannel;
}

/** Which files go another way. Nothing does until a route is added. */
export interface FileRoutes {
  add(route: FileRoute): void;
  /** Null for a path that this process opens itself. */
  find(path: unknown): FileRoute | null;
}

export interface Clock {
  /** Monotonic milliseconds; only differences mean anything. */
  monotonicMs(): number;
  /** Wall-clock time, for the names of backups and logs. */
  now(): Date;
  /** Rejects with an AbortError when the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

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

/** What the kernel says of memory, file systems and how busy the machine is. */
export interface System {
  memory(): Promise<{ readonly totalBytes: number; readonly availableBytes: number }>;
  fileSystems(): Promise<readonly FileSystem[]>;
  /** Tasks that wanted a core in the last minute, for each core there is: above 1 they wait for their turn. */
  tasksPerCore(): number;
}

/** The one door to the world. The command line makes it; tests make another. */
export interface Host {
  readonly files: Files;
  readonly processes: Processes;
  readonly network: Network;
  readonly fileLocks: FileLocks;
  /** Which of the files and locks go another way; left out where none can. */
  readonly routes?: FileRoutes;
  readonly system: System;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** The environment as it was when the program began. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home folder, absolute. */
  readonly home: string;
  readonly cwd: string;
  readonly pid: number;
  /** `linux`, and the architecture as Linux names it: `aarch64`, `x86_64`. */
  readonly platform: string;
  readonly arch: string;
}

/** The same host, without a variable of the shell: neither heros nor what it starts sees it. */
export function withoutVariable(host: Host, name: string): Host {
  const { processes } = host;
  const run: Processes["run"] = (request) =>
    processes.run({ ...request, env: { [name]: undefined, ...request.env } });
  return { ...host, env: { ...host.env, [name]: undefined }, processes: { ...processes, run } };
}
