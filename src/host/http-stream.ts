import { EventEmitter } from "node:events";
import type { ByteStream, HttpResponse } from "./network.ts";

/** What an answer can do with the connection it comes over. */
export interface ConnectionControl {
  /** Reads on after a pause. */
  readOn(): void;
  stopReading(): void;
  /** The answer is over; the connection may serve again. */
  release(reusable: boolean): void;
  destroy(): void;
}

/** What an answer says of itself. */
type Head = Omit<HttpResponse<ByteStream>, "reach">;

const maxHeadBytes = 64 * 1024;

/**
 * One answer as it comes in: parses its head (RFC 9112), and hands on the body in pieces of the connection's own buffer,
 * each of which is only good while it is handed on, or of the buffers that its reader gives. Bodies by length, in chunks, or to the connection's end.
 */
export class HttpStream extends EventEmitter implements ByteStream {
  readableEnded = false;
  /** Whether a byte of the answer has come. */
  begun = false;
  readonly #connection: ConnectionControl;
  readonly #onHead: (response: Head) => void;
  #head: Buffer | null = Buffer.alloc(0);
  #leftBytes = Number.POSITIVE_INFINITY;
  #chunks: ChunkReader | null = null;
  #reusable = false;
  /** Came while nobody took it. */
  #waiting: Buffer | null = null;
  /** The connection is gone, which counts once what waits was taken. */
  #gone: { readonly error: Error | null } | null = null;
  #next: (() => Buffer) | null = null;
  #paused = true;
  #over = false;

  constructor(control: ConnectionControl, onHead: (response: Head) => void) {
    super();
    this.#connection = control;
    this.#onHead = onHead;
  }

  /** Takes what the connection read; false to stop reading. */
  receive(bytes: Buffer): boolean {
    this.begun = true;
    if (this.#over) return false;
    if (this.#head === null) {
      // TLS hands on all it has decrypted, also after it was told to stop.
      if (this.#paused || this.#waiting !== null) {
        this.#waiting = Buffer.concat([this.#waiting ?? Buffer.alloc(0), bytes]);
        return false;
      }
      this.#handOn(bytes);
      return !this.#paused;
    }
    this.#head = Buffer.concat([this.#head, bytes]);
    const end = this.#head.indexOf("\r\n\r\n");
    if (end === -1) {
      if (this.#head.length > maxHeadBytes) this.#fail("the head of the answer has no end");
      return !this.#over;
    }
    const rest = this.#head.subarray(end + 4);
    const lines = this.#head.toString("latin1", 0, end).split("\r\n");
    const status = Number(
      /^HTTP\/1\.[01] (?<status>\d{3})\b/u.exec(lines[0] ?? "")?.groups?.["status"],
    );
    if (Number.isNaN(status)) {
      this.#fail("the answer is not of HTTP/1.1");
      return false;
    }
    if (status >= 100 && status < 200) {
      this.#head = Buffer.alloc(0);
      return rest.length === 0 || this.receive(rest);
    }
    this.#begin(status, parseHeaders(lines.slice(1)), lines[0]?.startsWith("HTTP/1.1") === true);
    this.#waiting = rest.length > 0 ? rest : null;
    return false;
  }

  readInto(next: () => Buffer): void {
    this.#next = next;
  }

  /** Where the next bytes should go; null to leave it to the connection. What waits is handed on first, and would be overwritten. */
  nextBuffer(): Buffer | null {
    const plain = this.#head === null && this.#chunks === null;
    const flows = plain && !this.#over && !this.#paused && this.#waiting === null;
    return flows ? (this.#next?.() ?? null) : null;
  }

  /** The connection is gone: the answer ends here, well or not. */
  lost(error: Error | null): void {
    if (this.#over) return;
    if (this.#waiting !== null) {
      this.#gone ??= { error };
      return;
    }
    const toItsEnd = this.#chunks === null && this.#leftBytes === Number.POSITIVE_INFINITY;
    if (error === null && this.#head === null && toItsEnd) {
      this.#finish();
      return;
    }
    this.#over = true;
    const cut = Object.assign(new Error("the connection was cut"), { code: "ECONNRESET" });
    this.#tell(error ?? cut);
  }

  pause(): this {
    this.#paused = true;
    if (!this.#over) this.#connection.stopReading();
    return this;
  }

  resume(): this {
    if (!this.#paused || this.#over) return this;
    this.#paused = false;
    // Not at once: whoever resumes may still be adding listeners.
    setImmediate(() => this.#flow());
    return this;
  }

  isPaused(): boolean {
    return this.#paused;
  }

  destroy(error?: Error): this {
    if (this.#over) return this;
    this.#over = true;
    this.#connection.destroy();
    this.#tell(error);
    return this;
  }

  override on(name: string, listener: (...given: never[]) => void): this {
    super.on(name, listener as (...given: unknown[]) => void);
    // As with Node's own streams: whoever listens for data gets it.
    if (name === "data") this.resume();
    return this;
  }

  /** As with Node's own answers: an error that nobody listens for is not the end of the program. */
  #tell(error: Error | undefined): void {
    if (error !== undefined && this.listenerCount("error") > 0) this.emit("error", error);
    this.emit("close");
  }

  #begin(status: number, headers: Record<string, string>, kept: boolean): void {
    this.#head = null;
    const coding = headers["transfer-encoding"]?.trim().toLowerCase();
    if (coding !== undefined && coding !== "chunked") {
      this.#fail(`the answer is coded in a way that is not known (${coding})`);
      return;
    }
    const length = headers["content-length"];
    if (status === 204 || status === 304) this.#leftBytes = 0;
    else if (coding !== undefined) this.#chunks = createChunkReader();
    else if (length !== undefined && /^\d+$/u.test(length)) this.#leftBytes = Number(length);
    this.#reusable = kept && !/\bclose\b/iu.test(headers["connection"] ?? "");
    this.#onHead({ status, headers, body: this });
  }

  #flow(): void {
    if (this.#paused || this.#over) return;
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null || this.#leftBytes === 0) this.#handOn(waiting ?? Buffer.alloc(0));
    if (this.#gone !== null) this.lost(this.#gone.error);
    else if (!this.#paused && !this.#over) this.#connection.readOn();
  }

  #handOn(bytes: Buffer): void {
    if (this.#chunks !== null) {
      this.#handOnChunks(bytes, this.#chunks);
      return;
    }
    if (bytes.length > this.#leftBytes) {
      this.#fail("the answer is longer than it said");
      return;
    }
    this.#leftBytes -= bytes.length;
    if (bytes.length > 0) this.emit("data", bytes);
    if (this.#leftBytes === 0) this.#finish();
  }

  #handOnChunks(bytes: Buffer, chunks: ChunkReader): void {
    for (let rest = bytes; rest.length > 0 && !this.#over;) {
      if (this.#paused) {
        // Its memory is the connection's own.
        this.#waiting = Buffer.from(rest);
        return;
      }
      const taken = chunks.take(rest);
      if (taken === null) {
        this.#fail("the answer's chunks are garbled");
        return;
      }
      rest = taken.rest;
      if (taken.part.length > 0) this.emit("data", taken.part);
      if (!chunks.done) continue;
      this.#leftBytes = 0;
      if (rest.length > 0) this.#reusable = false;
      this.#finish();
    }
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.readableEnded = true;
    this.#connection.release(this.#reusable && this.#leftBytes === 0);
    this.emit("end");
    this.emit("close");
  }

  #fail(message: string): void {
    this.destroy(Object.assign(new Error(message), { code: "HPE_INVALID_CONSTANT" }));
  }
}

/** Lower-case names; repeated ones joined by ", ". */
function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return headers;
}

/** Of a line with a chunk's size, or of the trailers. */
const maxLineBytes = 16 * 1024;

/** Takes a body apart that comes in chunks, each with its length before it (RFC 9112, 7.1). */
export interface ChunkReader {
  /** The last chunk and its trailers have come. */
  readonly done: boolean;
  /** @returns the next bytes of the body, maybe none, and what was not looked at yet; null where the form is wrong */
  take(bytes: Buffer): { readonly part: Buffer; readonly rest: Buffer } | null;
}

const nothing = Buffer.alloc(0);

export function createChunkReader(): ChunkReader {
  let state: "size" | "data" | "data-end" | "trailers" | "done" = "size";
  let line = "";
  let leftBytes = 0;

  /** The line that this piece ends, without its break; null where it goes on. */
  function takeLine(bytes: Buffer): { readonly text: string; readonly rest: Buffer } | null {
    const end = bytes.indexOf("\n");
    line += bytes.toString("latin1", 0, end === -1 ? bytes.length : end);
    if (end === -1) return null;
    const text = line.replace(/\r$/u, "");
    line = "";
    return { text, rest: bytes.subarray(end + 1) };
  }

  return {
    get done() {
      return state === "done";
    },
    take(bytes) {
      if (state === "data") {
        const part = bytes.subarray(0, leftBytes);
        leftBytes -= part.length;
        if (leftBytes === 0) state = "data-end";
        return { part, rest: bytes.subarray(part.length) };
      }
      const ended = takeLine(bytes);
      if (line.length > maxLineBytes) return null;
      if (ended === null) return { part: nothing, rest: nothing };
      const { text, rest } = ended;
      if (state === "size") {
        const size = /^(?<hex>[\da-f]{1,12})[ \t]*(?:;|$)/iu.exec(text)?.groups?.["hex"];
        if (size === undefined) return null;
        leftBytes = Number.parseInt(size, 16);
        state = leftBytes === 0 ? "trailers" : "data";
      } else if (state === "data-end") {
        if (text !== "") return null;
        state = "size";
      } else if (text === "") state = "done";
      return { part: nothing, rest };
    },
  };
}
