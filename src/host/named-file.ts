import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { dirname } from "node:path";
import type { Host } from "./host.ts";

/** A pipe may be filled by a program that asks a vault, or a person. */
const mostWaitMs = 10_000;
const pollMs = 10;

export type NamedFile =
  | { readonly bytes: Buffer }
  /** Why there are none, as it stands behind a colon. */
  | { readonly problem: string };

/**
 * The bytes of a file that a person named: of a regular file, or of a pipe that the shell made for `<(…)`, which
 * must end within 10 s.
 * @throws the file system's own error where the file is not there, or not readable
 */
export async function readNamedFile(
  host: Pick<Host, "files" | "clock">,
  path: string,
  mostBytes: number,
): Promise<NamedFile> {
  // To open a pipe without a writer would wait for ever, in a thread that no signal ends.
  await using file = await host.files.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = await file.stat();
  if (stats.isDirectory()) return { problem: "it is a folder" };
  if (!stats.isFile() && !mayEnd(path)) return { problem: "it is not a regular file" };
  const buffer = Buffer.alloc(mostBytes + 1);
  const startMs = host.clock.monotonicMs();
  let length = 0;
  for (;;) {
    const read = await file.read(buffer, length, buffer.length - length, null).catch(orLater);
    if (read === null) {
      if (host.clock.monotonicMs() - startMs > mostWaitMs) {
        return { problem: `it does not end within ${mostWaitMs / 1000} s` };
      }
      await host.clock.sleep(pollMs);
      continue;
    }
    length += read.bytesRead;
    if (length > mostBytes) {
      return { problem: `it is larger than ${mostBytes / 1e6} MB` };
    }
    if (read.bytesRead === 0) return { bytes: buffer.subarray(0, length) };
  }
}

/** What the shell opened, by its number, and what says that there is nothing. */
function mayEnd(path: string): boolean {
  const isNamed = path === "/dev/stdin" || path === "/dev/null";
  return isNamed || /^(?:\/dev|\/proc\/(?:self|\d+))\/fd$/.test(dirname(path));
}

function orLater(error: unknown): null {
  if (error instanceof Error && "code" in error && error.code === "EAGAIN") return null;
  throw error;
}
