/** Of a line with a chunk's size, or of the trailers. */
const mostLineBytes = 16 * 1024;

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
      if (line.length > mostLineBytes) return null;
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
