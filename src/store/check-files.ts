import { Worker } from "node:worker_threads";
import type { Digests } from "../run/digest.ts";

export interface FileCheck<File extends CheckOrder> {
  readonly file: File;
  /** Never `reached`. */
  readonly answer: Exclude<CheckAnswer, { type: "reached" }>;
}

export interface CheckRequest<File extends CheckOrder> {
  /** The largest first keeps all threads busy to the end. */
  readonly files: readonly File[];
  readonly threads: number;
  /** Bytes of this file that are hashed by now. */
  readonly onReached: (file: File, bytes: number) => void;
  readonly onChecked: (check: FileCheck<File>) => void;
  readonly signal: AbortSignal;
}

/** Hashes files in a few threads, so that the one that draws never waits. @throws AbortError */
export async function checkFiles<File extends CheckOrder>(
  request: CheckRequest<File>,
): Promise<void> {
  const { files, threads, signal } = request;
  signal.throwIfAborted();
  const queue = [...files];
  const count = Math.min(threads, queue.length);
  await Promise.all(Array.from({ length: count }, () => workThrough(queue, request)));
}

async function workThrough<File extends CheckOrder>(
  queue: File[],
  { onReached, onChecked, signal }: CheckRequest<File>,
): Promise<void> {
  // In the checkout the worker is TypeScript, in the build JavaScript.
  const name = import.meta.url.endsWith(".ts") ? "./check-worker.ts" : "./check-worker.js";
  const worker = new Worker(new URL(name, import.meta.url));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => {
    const reason: unknown = signal.reason;
    reject(reason instanceof Error ? reason : new DOMException("Stopped.", "AbortError"));
  };
  signal.addEventListener("abort", onAbort, { once: true });
  let current: File | undefined;
  const next = (): void => {
    current = queue.shift();
    if (current === undefined) {
      resolve();
      return;
    }
    const { path, sizeBytes, gitSha1 } = current;
    worker.postMessage({ path, sizeBytes, gitSha1 } satisfies CheckOrder, []);
  };
  worker.on("error", reject);
  worker.on("message", (answer: CheckAnswer) => {
    if (current === undefined) return;
    if (answer.type === "reached") {
      onReached(current, answer.bytes);
      return;
    }
    onChecked({ file: current, answer });
    next();
  });
  next();
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    await worker.terminate();
  }
}

/** To a check worker: hash this file. One at a time. */
export interface CheckOrder {
  readonly path: string;
  /** As the listing has it; git's hash covers it. */
  readonly sizeBytes: number;
  readonly gitSha1: boolean;
}

/** From the worker: how far it is, the digests of the whole file, or the system's code for why it can't be read. */
export type CheckAnswer =
  | { readonly type: "reached"; readonly bytes: number }
  | { readonly type: "hashed"; readonly bytes: number; readonly digests: Digests }
  | { readonly type: "failed"; readonly code: string };
