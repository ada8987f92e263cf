import { closeSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { createDigests } from "./hashing.ts";
import type { HashAnswer, HashOrder } from "./hashing.ts";

interface Reading {
  readonly file: number;
  readonly digests: ReturnType<typeof createDigests>;
  readonly sizeBytes: number;
  at: number;
  upTo: number;
}

/** Read from the page cache a moment after it was written, in pieces that stay in the processor's own cache. */
const buffer = Buffer.allocUnsafeSlow(128 * 1024);
const readings = new Map<number, Reading>();
let running = false;

parentPort?.on("message", (order: HashOrder) => {
  if (order.type === "forget") forget(order.id);
  else {
    const reading = readings.get(order.id) ?? open(order);
    if (reading !== null) reading.upTo = order.upTo;
  }
  if (!running) {
    running = true;
    setImmediate(run);
  }
});

/** One piece of one file, then whatever has come in meanwhile. */
function run(): void {
  const next = [...readings].find(([, { at, upTo, sizeBytes }]) => at < upTo || at === sizeBytes);
  if (next === undefined) {
    running = false;
    return;
  }
  const [id, reading] = next;
  try {
    for (let pieces = 0; pieces < 64 && reading.at < reading.upTo; pieces += 1) {
      const length = Math.min(buffer.length, reading.upTo - reading.at);
      const bytes = readSync(reading.file, buffer, 0, length, reading.at);
      if (bytes === 0) throw new Error("the file is shorter than it should be");
      reading.digests.update(buffer.subarray(0, bytes));
      reading.at += bytes;
    }
    if (reading.at === reading.sizeBytes) {
      answer({ type: "hashed", id, digests: reading.digests.finish() });
      forget(id);
    }
  } catch (error) {
    forget(id);
    answer({ type: "failed", id, message: error instanceof Error ? error.message : String(error) });
  }
  setImmediate(run);
}

function open({ id, path, sizeBytes, gitSha1 }: Extract<HashOrder, { type: "hash" }>) {
  try {
    const file = openSync(path, "r");
    const reading = { file, digests: createDigests(sizeBytes, gitSha1), sizeBytes, at: 0, upTo: 0 };
    readings.set(id, reading);
    return reading;
  } catch (error) {
    answer({ type: "failed", id, message: error instanceof Error ? error.message : String(error) });
    return null;
  }
}

function forget(id: number): void {
  const reading = readings.get(id);
  if (reading === undefined) return;
  readings.delete(id);
  closeSync(reading.file);
}

function answer(message: HashAnswer): void {
  parentPort?.postMessage(message, []);
}
