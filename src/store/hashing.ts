import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";
import type { Digests } from "../run/digest.ts";
import type { FollowingHash } from "./store.ts";

export interface Hashing {
  start(file: { path: string; sizeBytes: number; gitSha1: boolean }): FollowingHash;
  close(): Promise<void>;
}

/** One thread, started with the first file: it reads faster than any link brings. */
export function createHashing(): Hashing {
  let worker: Worker | null = null;
  let count = 0;
  const waiting = new Map<number, PromiseWithResolvers<Digests>>();

  const fail = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  const open = (): Worker => {
    // In the checkout the worker is TypeScript, in the build JavaScript.
    const name = import.meta.url.endsWith(".ts") ? "./hash-worker.ts" : "./hash-worker.js";
    const opened = new Worker(new URL(name, import.meta.url));
    opened.on("message", (message: HashAnswer) => {
      const { id } = message;
      if (message.type === "hashed") waiting.get(id)?.resolve(message.digests);
      else waiting.get(id)?.reject(new Error(`can't hash: ${message.message}`));
      waiting.delete(id);
    });
    opened.on("error", fail);
    return opened;
  };

  return {
    start({ path, sizeBytes, gitSha1 }) {
      worker ??= open();
      const target = worker;
      const id = (count += 1);
      const result = Promise.withResolvers<Digests>();
      result.promise.catch(() => {});
      waiting.set(id, result);
      const post = (order: HashOrder): void => target.postMessage(order, []);
      let followed = -1;
      return {
        digests: result.promise,
        follow(upTo) {
          if (upTo <= followed) return;
          followed = upTo;
          post({ type: "hash", id, path, upTo, sizeBytes, gitSha1 });
        },
        forget() {
          waiting.delete(id);
          post({ type: "forget", id });
        },
      };
    },
    async close() {
      waiting.clear();
      await worker?.terminate();
    },
  };
}

/** From the engine to the worker: hash the file up to here, or forget it. */
export type HashOrder =
  | {
      readonly type: "hash";
      readonly id: number;
      readonly path: string;
      readonly upTo: number;
      readonly sizeBytes: number;
      readonly gitSha1: boolean;
    }
  | { readonly type: "forget"; readonly id: number };

/** From the worker: the digests of a whole file, or why it can't be read. */
export type HashAnswer =
  | { readonly type: "hashed"; readonly id: number; readonly digests: Digests }
  | { readonly type: "failed"; readonly id: number; readonly message: string };

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
