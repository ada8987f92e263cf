import { closeSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { errorCode } from "../run/failure.ts";
import { createDigests, type HashAnswer, type HashOrder } from "./hashing.ts";

interface Reading {
  readonly file: number;
  readonly digests: ReturnType<typeof createDigests>;
  readonly sizeBytes: number;
  at: number;
  upTo: number | "end";
}

/** Read from the page cache a moment after it was written, in pieces that stay in the processor's own cache. */
const buffer = Buffer.allocUnsafeSlow(128 * 1024);
const piecesAtOnce = 64;
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

/** Some pieces of one file, then whatever has come in meanwhile. */
function run(): void {
  const next = [...readings].find(
    ([, { at, upTo, sizeBytes }]) => upTo === "end" || at < upTo || at === sizeBytes,
  );
  if (next === undefined) {
    running = false;
    return;
  }
  const [id, reading] = next;
  try {
    const ended = readOn(reading);
    const { at: bytes, digests } = reading;
    if (ended) {
      forget(id);
      answer({ type: "hashed", id, bytes, digests: digests.finish() });
    } else if (reading.upTo === "end") answer({ type: "reached", id, bytes });
  } catch (error) {
    forget(id);
    answer(failed(id, error));
  }
  setImmediate(run);
}

/** Whether the file is hashed to its end: where it ends, or where it should. */
function readOn(reading: Reading): boolean {
  const { file, digests, upTo, sizeBytes } = reading;
  for (let pieces = 0; pieces < piecesAtOnce; pieces += 1) {
    const wanted = upTo === "end" ? buffer.length : Math.min(buffer.length, upTo - reading.at);
    if (wanted <= 0) break;
    const bytes = readSync(file, buffer, 0, wanted, reading.at);
    if (bytes === 0 && upTo === "end") return true;
    if (bytes === 0) throw new Error("the file is shorter than it should be");
    digests.update(buffer.subarray(0, bytes));
    reading.at += bytes;
  }
  return upTo !== "end" && reading.at === sizeBytes;
}

function open({ id, path, sizeBytes, gitSha1 }: Extract<HashOrder, { type: "hash" }>) {
  try {
    const file = openSync(path, "r");
    const digests = createDigests(sizeBytes, gitSha1);
    const reading: Reading = { file, digests, sizeBytes, at: 0, upTo: 0 };
    readings.set(id, reading);
    return reading;
  } catch (error) {
    answer(failed(id, error));
    return null;
  }
}

function forget(id: number): void {
  const reading = readings.get(id);
  if (reading === undefined) return;
  readings.delete(id);
  closeSync(reading.file);
}

function failed(id: number, error: unknown): HashAnswer {
  const message = error instanceof Error ? error.message : String(error);
  return { type: "failed", id, code: errorCode(error) ?? String(error), message };
}

function answer(message: HashAnswer): void {
  parentPort?.postMessage(message, []);
}
