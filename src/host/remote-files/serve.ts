/**
 * A program of its own: it opens and reads and writes files for a heros that can't get at them, as that one tells it over a
 * socket, and ends with that one. Whose the folder is, his are the files.
 *   node serve.ts SOCKET FOLDER
 */
import * as fs from "node:fs/promises";
import { constants, type Dirent, Stats } from "node:fs";
import { createConnection } from "node:net";
import process from "node:process";
import { Worker } from "node:worker_threads";
import {
  bytesMark,
  encodeFrame,
  type Frame,
  frameReader,
  type SentEntry,
  type SentStats,
} from "./frames.ts";

const [socketPath = "", folder = "/"] = process.argv.slice(2);
const handles = new Map<number, fs.FileHandle>();
const threads = new Map<number, Worker>();
let count = 0;

const socket = createConnection(socketPath, () => void begin());
socket.on("error", () => process.exit(1));
socket.on("close", () => process.exit(0));

async function begin(): Promise<void> {
  const { uid, gid } = await fs.stat(folder);
  process.umask(0o022);
  if (process.getuid?.() === 0 && uid !== 0) {
    process.setgroups?.([]);
    process.setgid?.(gid);
    process.setuid?.(uid);
  }
  socket.on("data", frameReader(take));
  send({ ready: true });
}

function send(head: Frame["head"], body: Buffer = Buffer.alloc(0)): void {
  for (const piece of encodeFrame({ head, body })) socket.write(piece);
}

function take({ head, body }: Frame): void {
  const { id, on, call, args } = head as {
    id: number;
    on: "files" | "handle" | "thread";
    call: string;
    args: unknown[];
  };
  const given = args.map((arg) => (arg === bytesMark ? body : arg));
  const work =
    on === "files"
      ? ofFiles(call, given)
      : on === "handle"
        ? ofHandle(call, given)
        : ofThread(call, given);
  work.then(
    (value) =>
      Buffer.isBuffer(value)
        ? send({ id, bytes: true }, value)
        : send({ id, value: sendable(value) }),
    (error: unknown) => send({ id, error: described(error) }),
  );
}

type Call = (...args: readonly unknown[]) => Promise<unknown>;

async function ofFiles(call: string, args: readonly unknown[]): Promise<unknown> {
  if (call === "open") {
    const handle = await (fs.open as Call)(...args);
    handles.set((count += 1), handle as fs.FileHandle);
    return count;
  }
  return (fs as unknown as Readonly<Record<string, Call>>)[call]?.(...args);
}

async function ofHandle(call: string, [id, ...args]: readonly unknown[]): Promise<unknown> {
  const handle = handles.get(Number(id));
  if (handle === undefined) throw Object.assign(new Error("the file is closed"), { code: "EBADF" });
  if (call === "read") {
    const [length, position] = args as [number, number | null];
    const { bytesRead, buffer } = await handle.read(
      Buffer.allocUnsafe(length),
      0,
      length,
      position,
    );
    return buffer.subarray(0, bytesRead);
  }
  if (call === "write") {
    const { bytesWritten } = (await (handle.write.bind(handle) as Call)(...args)) as {
      bytesWritten: number;
    };
    return bytesWritten;
  }
  if (call === "close") handles.delete(Number(id));
  return (handle as unknown as Readonly<Record<string, Call>>)[call]?.apply(handle, [...args]);
}

async function ofThread(call: string, [id, message]: readonly unknown[]): Promise<unknown> {
  if (call === "open") {
    const thread = (count += 1);
    const worker = new Worker(String(id));
    worker.on("message", (answer: unknown) => send({ thread, message: answer }));
    worker.on("error", (error) => send({ thread, failed: described(error) }));
    threads.set(thread, worker);
    return thread;
  }
  const worker = threads.get(Number(id));
  if (call === "post") worker?.postMessage(message);
  else {
    threads.delete(Number(id));
    await worker?.terminate();
  }
  return null;
}

function sendable(value: unknown): unknown {
  if (value instanceof Stats) return statsOf(value);
  if (Array.isArray(value) && typeof value[0] === "object") return value.map(entryOf);
  return value ?? null;
}

function statsOf(stats: Stats): SentStats {
  const { dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks } = stats;
  const { atimeMs, mtimeMs, ctimeMs, birthtimeMs } = stats;
  const times = { atimeMs, mtimeMs, ctimeMs, birthtimeMs };
  return { dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks, ...times };
}

function entryOf(entry: Dirent): SentEntry {
  const { S_IFDIR, S_IFLNK, S_IFREG } = constants;
  const kind = entry.isDirectory()
    ? S_IFDIR
    : entry.isSymbolicLink()
      ? S_IFLNK
      : entry.isFile()
        ? S_IFREG
        : 0;
  return [entry.name, entry.parentPath, kind];
}

function described(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { message: String(error) };
  return Object.fromEntries([...Object.entries(error), ["message", error.message]]);
}
