import { closeSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import type { CheckAnswer, CheckOrder } from "./check-files.ts";
import { createDigests } from "./hashing.ts";
import { errorCode } from "../run/error-code.ts";

/** In pieces that stay in the processor's own cache, as the engine's hash worker has them. */
const buffer = Buffer.allocUnsafeSlow(512 * 1024);
const piecesBetweenNews = 64;

parentPort?.on("message", (order: CheckOrder) => check(order));

/** Hashes one file as it is on the disk; nothing is written, and a link is read through. */
function check({ path, sizeBytes, gitSha1 }: CheckOrder): void {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    answer({ type: "failed", code: errorCode(error) ?? String(error) });
    return;
  }
  try {
    const digests = createDigests(sizeBytes, gitSha1);
    let at = 0;
    for (let pieces = 1; ; pieces += 1) {
      const bytes = readSync(file, buffer, 0, buffer.length, at);
      if (bytes === 0) break;
      digests.update(buffer.subarray(0, bytes));
      at += bytes;
      if (pieces % piecesBetweenNews === 0) answer({ type: "reached", bytes: at });
    }
    answer({ type: "hashed", bytes: at, digests: digests.finish() });
  } catch (error) {
    answer({ type: "failed", code: errorCode(error) ?? String(error) });
  } finally {
    closeSync(file);
  }
}

function answer(message: CheckAnswer): void {
  parentPort?.postMessage(message, []);
}
