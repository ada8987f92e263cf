import type { ByteStream, HttpResponse } from "../../host/network.ts";
import { captivePortal } from "./failures.ts";
import { TransientError } from "../transient-error.ts";

type Answer = HttpResponse<ByteStream>;

/** Of an answer that nobody reads: so much, and for so long, is read past to keep its connection. */
const maxDiscardedBytes = 64 * 1024;
const maxDiscardMs = 500;

/**
 * Lets an answer that nobody reads go. Its connection serves again where the rest of it is short; whoever asks next waits
 * for that, lest there be two connections for one.
 */
export function discard({ body }: Answer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => {
    clearTimeout(timer);
    body.destroy();
    resolve();
  };
  const timer = setTimeout(end, maxDiscardMs);
  let bytes = 0;
  body.on("error", () => {});
  body.once("close", end);
  body.on("data", (part) => {
    bytes += part.length;
    if (bytes > maxDiscardedBytes) end();
  });
  return promise;
}

/** Ends an answer that is not worth its connection. */
export function abandon({ body }: Answer): void {
  body.on("error", () => {});
  body.destroy();
}

/** Judges an answer; one that is refused is ended with its connection. @throws what `judge` throws */
export function orAbandon<T>(answer: Answer, judge: () => T): T {
  try {
    return judge();
  } catch (error) {
    abandon(answer);
    throw error;
  }
}

/**
 * The whole body as text, unpacked where a server packs it although nobody asked.
 * @throws Failure where it is longer than `maxBytes`, or packed in a way that is not known; TransientError, Node's errors
 */
export async function readText(
  answer: Answer,
  { endpoint, maxBytes }: { readonly endpoint: string; readonly maxBytes: number },
): Promise<string> {
  const bytes = await readBytes(answer, maxBytes);
  if (bytes === null) throw captivePortal(endpoint, "its answer has no end");
  const encoding = (answer.headers["content-encoding"] ?? "").trim().toLowerCase();
  if (encoding === "" || encoding === "identity") return bytes.toString("utf8");
  const zlib = await import("node:zlib");
  const unpack = {
    gzip: zlib.gunzipSync,
    "x-gzip": zlib.gunzipSync,
    deflate: zlib.inflateSync,
    br: zlib.brotliDecompressSync,
    zstd: zlib.zstdDecompressSync,
  }[encoding];
  const what = `its answer is packed (${encoding}) and can't be read`;
  if (unpack === undefined) throw captivePortal(endpoint, what);
  try {
    return unpack(bytes, { maxOutputLength: maxBytes }).toString("utf8");
  } catch (error) {
    throw captivePortal(endpoint, what, error);
  }
}

/** Null where there are more. */
function readBytes({ body }: Answer, maxBytes: number): Promise<Buffer | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer | null>();
  const parts: Buffer[] = [];
  let bytes = 0;
  body.on("data", (part) => {
    bytes += part.length;
    if (bytes <= maxBytes) parts.push(part);
    else {
      resolve(null);
      body.destroy();
    }
  });
  body.once("end", () => resolve(Buffer.concat(parts)));
  body.on("error", reject);
  body.once("close", () => reject(new TransientError("network", "the connection was cut")));
  return promise;
}
