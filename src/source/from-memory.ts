import { Readable } from "node:stream";
import type { FileRequest, OpenedFile } from "./source.ts";

/** A file whose bytes are known already, as a server would answer for it. */
export function fromMemory(bytes: Buffer, { range }: FileRequest): OpenedFile {
  const { start, end } = range ?? { start: 0, end: bytes.length };
  const part = bytes.subarray(start, end);
  const place: Record<string, string> =
    range === null ? {} : { "content-range": `bytes ${start}-${end - 1}/${bytes.length}` };
  const headers = { "content-length": String(part.length), ...place };
  const response = {
    status: range === null ? 200 : 206,
    headers,
    body: Readable.from([part]),
    reach: "machine",
  } as const;
  return { response, address: null };
}
