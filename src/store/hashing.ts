import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { FileRoute, FileRoutes } from "../host/host.ts";
import type { Digests } from "../run/repos/file-listing.ts";
import type { FollowingHash } from "./store.ts";

/** One file to hash. */
export interface HashedFile {
  readonly path: string;
  /** As the listing has it; git's hash covers it. */
  readonly sizeBytes: number;
  readonly gitSha1: boolean;
}

/** To the worker: hash the file up to here, or to its end whatever its size; or forget it. */
export type HashOrder =
  | (HashedFile & { readonly type: "hash"; readonly id: number; readonly upTo: number | "end" })
  | { readonly type: "forget"; readonly id: number };

/** From the worker: how far it is, the digests of a whole file, or why it can't be read. */
export type HashAnswer =
  | { readonly type: "reached"; readonly id: number; readonly bytes: number }
  | {
      readonly type: "hashed";
      readonly id: number;
      readonly bytes: number;
      readonly digests: Digests;
    }
  | {
      readonly type: "failed";
      readonly id: number;
      /** The system's: `EACCES`. */
      readonly code: string;
      readonly message: string;
    };

/** Hashes as they go: sha256 of the content, and git's blob sha1, which puts the length before it. */
export function createDigests(sizeBytes: number, withGitSha1: boolean) {
  const sha256 = createHash("sha256");
  const git = withGitSha1 ? createHash("sha1").update(`blob ${sizeBytes}\0`) : null;
  return {
    update(bytes: Uint8Array): void {
      sha256.update(bytes);
      git?.update(bytes);
    },
    finish: (): Digests => ({
      sha256: sha256.digest("hex"),
      gitSha1: git?.digest("hex") ?? null,
    }),
  };
}

interface HashThread {
  post(order: HashOrder): void;
  end(): Promise<unknown>;
}

/** @param route of the files, where another process reads them; null for this one */
function startThread(
  route: FileRoute | null,
  onAnswer: (answer: HashAnswer) => void,
  onError: (error: Error) => void,
): HashThread {
  // In the checkout the worker is TypeScript, in the build JavaScript.
  const name = import.meta.url.endsWith(".ts") ? "./hash-worker.ts" : "./hash-worker.js";
  const script = new URL(name, import.meta.url);
  if (route !== null) {
    const onMessage = (message: unknown): void => onAnswer(message as HashAnswer);
    return route.startThread({ script: fileURLToPath(script), onMessage, onError });
  }
  const worker = new Worker(script);
  worker.on("message", onAnswer);
  worker.on("error", onError);
  return {
    post: (order) => worker.postMessage(order, []),
    end: () => worker.terminate(),
  };
}

export interface Hashing {
  start(file: HashedFile): FollowingHash;
  close(): Promise<void>;
}

/**
 * Hashes files while they are written. One thread for each way to them, started with the first file: it reads faster than
 * any link brings.
 */
export function createHashing(routes?: FileRoutes): Hashing {
  const threads = new Map<FileRoute | null, HashThread>();
  let count = 0;
  const waiting = new Map<number, PromiseWithResolvers<Digests>>();

  const fail = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  const onAnswer = (answer: HashAnswer): void => {
    if (answer.type === "reached") return;
    const { id } = answer;
    if (answer.type === "hashed") waiting.get(id)?.resolve(answer.digests);
    else waiting.get(id)?.reject(new Error(`can't hash: ${answer.message}`));
    waiting.delete(id);
  };

  return {
    start(file) {
      const route = routes?.find(file.path) ?? null;
      const thread = threads.get(route) ?? startThread(route, onAnswer, fail);
      threads.set(route, thread);
      const { post } = thread;
      const id = (count += 1);
      const result = Promise.withResolvers<Digests>();
      result.promise.catch(() => {});
      waiting.set(id, result);
      let followed = -1;
      return {
        digests: result.promise,
        follow(upTo) {
          if (upTo <= followed) return;
          followed = upTo;
          post({ ...file, type: "hash", id, upTo });
        },
        forget() {
          waiting.delete(id);
          post({ type: "forget", id });
        },
      };
    },
    async close() {
      waiting.clear();
      await Promise.all([...threads.values()].map((thread) => thread.end()));
    },
  };
}

export interface HashRequest<File extends HashedFile> {
  /** The largest first keeps all threads busy to the end. */
  readonly files: readonly File[];
  readonly threads: number;
  /** Bytes of this file that are hashed by now. */
  readonly onReached: (file: File, bytes: number) => void;
  readonly onEnd: (file: File, answer: Exclude<HashAnswer, { type: "reached" }>) => void;
  readonly signal: AbortSignal;
  /** Left out where all of them are this process' own to read. */
  readonly routes?: FileRoutes | undefined;
}

/** Hashes files as they are on the disk, in a few threads, so that the one that draws never waits. @throws AbortError */
export async function hashFiles<File extends HashedFile>(
  request: HashRequest<File>,
): Promise<void> {
  const { files, threads, signal } = request;
  signal.throwIfAborted();
  const queue = [...files];
  const count = Math.min(threads, queue.length);
  await Promise.all(Array.from({ length: count }, () => workThrough(queue, request)));
}

/** One thread, one file after the other. */
async function workThrough<File extends HashedFile>(
  queue: File[],
  { onReached, onEnd, signal, routes }: HashRequest<File>,
): Promise<void> {
  const route = routes?.find(queue[0]?.path) ?? null;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => {
    const reason: unknown = signal.reason;
    reject(reason instanceof Error ? reason : new DOMException("Stopped.", "AbortError"));
  };
  signal.addEventListener("abort", onAbort, { once: true });
  let id = 0;
  let current: File | undefined;
  const next = (): void => {
    current = queue.shift();
    if (current === undefined) {
      resolve();
      return;
    }
    const { path, sizeBytes, gitSha1 } = current;
    thread.post({ type: "hash", id: (id += 1), path, sizeBytes, gitSha1, upTo: "end" });
  };
  const onAnswer = (answer: HashAnswer): void => {
    if (current === undefined) return;
    if (answer.type === "reached") {
      onReached(current, answer.bytes);
      return;
    }
    onEnd(current, answer);
    next();
  };
  const thread = startThread(route, onAnswer, reject);
  next();
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    await thread.end();
  }
}
