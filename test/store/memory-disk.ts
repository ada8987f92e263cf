import type { Files } from "../../src/host/host.ts";

/** The calls on files that a partial is made of. */
export type PartialFiles = Pick<Files, "mkdir" | "open" | "rename" | "rm" | "stat">;

interface Kept {
  /** As programs see it. */
  seen: Buffer;
  /** As it would be after a power cut. */
  onDisk: Buffer;
}

const absent = (): Error => Object.assign(new Error("no such file"), { code: "ENOENT" });

/** A disk that forgets what was not synced when its power is cut. Names and lengths are kept, as by a file system with a log. */
export function createMemoryDisk() {
  const files = new Map<string, Kept>();

  function handleOf(file: Kept) {
    let appendAt = file.seen.length;
    return {
      async stat() {
        return { isFile: () => true, size: file.seen.length, nlink: 1, uid: 0 };
      },
      async readFile(): Promise<string> {
        return file.seen.toString("latin1");
      },
      async truncate(length: number): Promise<void> {
        file.seen = resize(file.seen, length);
        file.onDisk = resize(file.onDisk, length);
      },
      async datasync(): Promise<void> {
        file.onDisk = Buffer.from(file.seen);
      },
      async write(content: Buffer | string, offset = 0, bytes?: number, position?: number) {
        const all = Buffer.from(content);
        const piece = all.subarray(offset, offset + (bytes ?? all.length));
        const at = position ?? appendAt;
        if (position === undefined) appendAt += piece.length;
        file.seen = resize(file.seen, Math.max(file.seen.length, at + piece.length));
        piece.copy(file.seen, at);
        return { bytesWritten: piece.length, buffer: content };
      },
      async close(): Promise<void> {},
    };
  }

  const door = {
    async stat() {
      return { uid: 0 };
    },
    async mkdir(): Promise<void> {},
    async open(path: string, flags: string | number) {
      const found = files.get(path);
      if (found === undefined && typeof flags === "number") throw absent();
      const file =
        found === undefined || flags === "w"
          ? { seen: Buffer.alloc(0), onDisk: Buffer.alloc(0) }
          : found;
      files.set(path, file);
      return handleOf(file);
    },
    async rename(from: string, to: string): Promise<void> {
      const file = files.get(from);
      if (file === undefined) throw absent();
      files.delete(from);
      files.set(to, file);
    },
    async rm(path: string): Promise<void> {
      files.delete(path);
    },
  };
  return {
    files: door as unknown as PartialFiles,
    read: (path: string): Buffer => files.get(path)?.seen ?? Buffer.alloc(0),
    cutPower(): void {
      for (const file of files.values()) file.seen = Buffer.from(file.onDisk);
    },
  };
}

function resize(content: Buffer, length: number): Buffer {
  const resized = Buffer.alloc(length);
  content.copy(resized);
  return resized;
}

export class Killed extends Error {}

/** The same files for a process that is killed at its nth call, in the middle of it if it writes. */
export function killedAfter(
  files: PartialFiles,
  calls: number,
): PartialFiles & { readonly requireAlive: () => void } {
  let left = calls;
  const live = <Given extends unknown[], Result>(
    call: (...given: Given) => Promise<Result>,
    last?: (...given: Given) => Promise<unknown>,
  ) => {
    return async (...given: Given): Promise<Result> => {
      left -= 1;
      if (left === 0) await last?.(...given);
      if (left <= 0) throw new Killed();
      return call(...given);
    };
  };
  const open = async (...given: Parameters<PartialFiles["open"]>) => {
    const handle = await files.open(...given);
    const write = handle.write.bind(handle) as (...written: unknown[]) => Promise<unknown>;
    const half = async (content: Buffer | string, offset = 0, bytes?: number, at?: number) => {
      const some = Math.floor((bytes ?? content.length) / 2);
      await (typeof content === "string"
        ? write(content.slice(0, some))
        : write(content, offset, some, at));
    };
    return {
      stat: () => handle.stat(),
      readFile: (encoding: "utf8") => handle.readFile(encoding),
      write: live(write, half as (...written: unknown[]) => Promise<unknown>),
      truncate: live((length: number) => handle.truncate(length)),
      datasync: live(() => handle.datasync()),
      writeFile: live((content: Buffer) => handle.writeFile(content)),
      close: () => handle.close(),
    };
  };
  return {
    stat: files.stat,
    mkdir: files.mkdir,
    open: live(open) as unknown as PartialFiles["open"],
    rename: live(files.rename),
    rm: live(files.rm),
    /** A process that is gone sees nothing end. @throws Killed */
    requireAlive(): void {
      if (left <= 0) throw new Killed();
    },
  };
}
