import { constants } from "node:fs";
import { createServer, type Socket } from "node:net";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Files, ThreadChannel, ThreadStart } from "../host.ts";
import { bytesMark, encodeFrame, frameReader, type SentEntry, type SentStats } from "./frames.ts";

/** Files that another program opens for this one. */
export interface RemoteFiles {
  readonly files: Files;
  /** Starts a program of heros in a thread beside those files. */
  startThread(start: ThreadStart): ThreadChannel;
}

/** Where the other program connects to. */
export interface Listener {
  /** To be seen by that program under the same path. */
  readonly folder: string;
  readonly socketPath: string;
  /** The folder that holds heros itself, and the program in it. */
  readonly programRoot: string;
  readonly program: string;
  /** Once it is there. @throws AbortError */
  opened(signal: AbortSignal): Promise<RemoteFiles>;
  close(): Promise<void>;
}

/** Listens for the other program, where only this user and what it is mounted into can reach it. */
export async function listenForFiles(): Promise<Listener> {
  const own = await mkdtemp(path.join(tmpdir(), "heros-files-"));
  // The outer folder is closed to other users; the inner one is mounted, and open to whoever the program runs as.
  const folder = path.join(own, "socket");
  await mkdir(folder);
  await chmod(folder, 0o755);
  const socketPath = path.join(folder, "s");
  const connected = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    connected.resolve(socket);
    server.close();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(socketPath, resolve);
  });
  await chmod(socketPath, 0o666);
  server.unref();
  const isSource = import.meta.url.endsWith(".ts");
  const name = isSource ? "./serve.ts" : "./remote-files.js";
  const close = async (): Promise<void> => {
    server.close();
    await rm(own, { recursive: true, force: true });
  };
  return {
    folder,
    socketPath,
    programRoot: fileURLToPath(new URL(isSource ? "../../../" : "../../", import.meta.url)),
    program: fileURLToPath(new URL(name, import.meta.url)),
    close,
    async opened(signal) {
      const stopped = Promise.withResolvers<never>();
      const onAbort = (): void => stopped.reject(new DOMException("Stopped.", "AbortError"));
      signal.addEventListener("abort", onAbort, { once: true });
      server.ref();
      try {
        return await speak(await Promise.race([connected.promise, stopped.promise]));
      } finally {
        server.unref();
        signal.removeEventListener("abort", onAbort);
        await close();
      }
    },
  };
}

type Request = { readonly on: "files" | "handle" | "thread"; readonly call: string };

async function speak(socket: Socket): Promise<RemoteFiles> {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const channels = new Map<number, ThreadStart>();
  let count = 0;
  const ready = Promise.withResolvers<void>();
  /** The program ends by itself where nobody waits for an answer. */
  const hold = (): void => {
    if (waiting.size > 0 || channels.size > 0) socket.ref();
    else socket.unref();
  };
  let ended: Error | null = null;
  const end = (): void => {
    const error = Object.assign(new Error("the container that reads the volume has ended"), {
      code: "EIO",
    });
    ended = error;
    ready.reject(error);
    for (const { reject } of waiting.values()) reject(error);
    for (const { onError } of channels.values()) onError(error);
    waiting.clear();
    channels.clear();
  };
  socket.on("error", end).on("close", end);
  socket.on(
    "data",
    frameReader(({ head, body }) => {
      if (head["ready"] === true) return ready.resolve();
      const { thread, id, error, bytes, value, message, failed } = head;
      if (typeof thread === "number") {
        const channel = channels.get(thread);
        if (failed === undefined) channel?.onMessage(message);
        else channel?.onError(errorOf(failed));
        return;
      }
      const asked = waiting.get(Number(id));
      waiting.delete(Number(id));
      hold();
      if (error !== undefined) asked?.reject(errorOf(error));
      else asked?.resolve(bytes === true ? body : value);
    }),
  );
  const ask = (request: Request, args: readonly unknown[]): Promise<unknown> => {
    if (ended !== null) return Promise.reject(ended);
    const id = (count += 1);
    const answer = Promise.withResolvers<unknown>();
    waiting.set(id, answer);
    hold();
    const body = args.find((arg) => arg instanceof Uint8Array);
    const sent = args.map((arg) => (arg === body && body !== undefined ? bytesMark : arg));
    const head = { id, ...request, args: sent };
    const pieces = encodeFrame({ head, body: body === undefined ? noBytes : asBuffer(body) });
    for (const piece of pieces) socket.write(piece);
    return answer.promise;
  };
  await ready.promise;
  hold();
  return {
    files: filesThrough(ask),
    startThread(start) {
      const opening = ask({ on: "thread", call: "open" }, [start.script]).then((id) => {
        channels.set(Number(id), start);
        hold();
        return Number(id);
      });
      opening.catch(start.onError);
      return {
        post: (message) =>
          void opening
            .then((id) => ask({ on: "thread", call: "post" }, [id, message]))
            .catch(() => {}),
        async end() {
          const id = await opening.catch(() => null);
          if (id === null) return;
          channels.delete(id);
          await ask({ on: "thread", call: "end" }, [id]).catch(() => null);
          hold();
        },
      };
    },
  };
}

const noBytes = Buffer.alloc(0);

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function errorOf(sent: unknown): Error {
  const given = typeof sent === "object" && sent !== null ? sent : {};
  const message = "message" in given ? String(given.message) : "unknown";
  return Object.assign(new Error(message), given);
}

type Ask = (request: Request, args: readonly unknown[]) => Promise<unknown>;

/** Node's calls on files, each made over there. Only the calls that `Files` names can be made. */
function filesThrough(ask: Ask): Files {
  const made = new Map<string, (...args: readonly unknown[]) => Promise<unknown>>();
  const target = {} as Files;
  return new Proxy(target, {
    get(_target, name) {
      if (typeof name !== "string") return undefined;
      const known = made.get(name);
      if (known !== undefined) return known;
      const call = async (...args: readonly unknown[]): Promise<unknown> => {
        const plain = args.map((arg) => (arg instanceof Date ? arg.getTime() / 1000 : arg));
        const answer = await ask({ on: "files", call: name }, plain);
        if (name === "open") return handleThrough(ask, Number(answer));
        if (name === "stat" || name === "lstat") return receivedStats(answer as SentStats);
        if (name === "readdir") return receivedEntries(answer);
        if (name === "readFile") return Buffer.isBuffer(answer) ? answer : String(answer);
        return answer ?? undefined;
      };
      made.set(name, call);
      return call;
    },
  });
}

/** What heros calls of Node's FileHandle. */
function handleThrough(ask: Ask, id: number) {
  const call =
    (name: string) =>
    async (...args: readonly unknown[]): Promise<unknown> =>
      (await ask({ on: "handle", call: name }, [id, ...args])) ?? undefined;
  const close = call("close");
  const read = async (
    buffer: Buffer,
    offset = 0,
    length = buffer.length - offset,
    position: number | null = null,
  ) => {
    const found = (await ask({ on: "handle", call: "read" }, [id, length, position])) as Buffer;
    found.copy(buffer, offset);
    return { bytesRead: found.length, buffer };
  };
  return {
    read,
    async write(data: Buffer | string, ...rest: readonly (number | null)[]) {
      if (typeof data === "string")
        return { bytesWritten: await call("write")(data), buffer: data };
      const [offset = 0, length, position = null] = rest;
      const from = offset ?? 0;
      const bytes = data.subarray(from, from + (length ?? data.length - from));
      const bytesWritten = await call("write")(bytes, 0, bytes.length, position);
      return { bytesWritten, buffer: data };
    },
    stat: async () => receivedStats((await call("stat")()) as SentStats),
    truncate: call("truncate"),
    datasync: call("datasync"),
    sync: call("sync"),
    chmod: call("chmod"),
    chown: call("chown"),
    utimes: call("utimes"),
    readFile: call("readFile"),
    writeFile: call("writeFile"),
    close,
    createReadStream({
      start = 0,
      highWaterMark = 65_536,
    }: { start?: number; highWaterMark?: number } = {}) {
      return Readable.from(pieces(start, highWaterMark), { objectMode: false });
    },
    [Symbol.asyncDispose]: close,
  };

  async function* pieces(start: number, length: number) {
    try {
      for (let at = start; ;) {
        const { bytesRead, buffer } = await read(Buffer.alloc(length), 0, length, at);
        if (bytesRead === 0) return;
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await close();
    }
  }
}

function kinds(mode: number) {
  const { S_IFMT, S_IFDIR, S_IFLNK, S_IFREG } = constants;
  return {
    isFile: () => (mode & S_IFMT) === S_IFREG,
    isDirectory: () => (mode & S_IFMT) === S_IFDIR,
    isSymbolicLink: () => (mode & S_IFMT) === S_IFLNK,
  };
}

function receivedStats(sent: SentStats) {
  const { atimeMs, mtimeMs, ctimeMs, birthtimeMs, mode } = sent;
  const [atime, mtime, ctime, birthtime] = [atimeMs, mtimeMs, ctimeMs, birthtimeMs].map(
    (ms) => new Date(ms),
  );
  return { ...sent, atime, mtime, ctime, birthtime, ...kinds(mode) };
}

function receivedEntries(answer: unknown) {
  if (!Array.isArray(answer)) return [];
  return answer.map((each: string | SentEntry) => {
    if (typeof each === "string") return each;
    const [name, parentPath, kind] = each;
    return { name, parentPath, ...kinds(kind) };
  });
}
