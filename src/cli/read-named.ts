import path from "node:path";
import type { Host } from "../host/host.ts";
import { expandPath } from "../hub/environment.ts";
import { exitCodes, Failure } from "../progress/failure.ts";

/** Nobody writes a longer catalog by hand; /dev/zero has no end. */
const mostBytes = 1_000_000;

/**
 * The text of a file that was named by the person.
 * @throws Failure `config.unreadable`, `catalog.unreadable`, `token.unreadable` (exit 2)
 */
export async function readNamed(
  host: Host,
  noun: "config" | "catalog" | "token",
  file: string,
): Promise<string> {
  const unreadable = (reason: string, cause?: unknown): Failure =>
    new Failure({
      code: `${noun}.unreadable`,
      message: `The ${noun} file ${file} can't be read (${reason}).`,
      hint: `Give the path of a ${noun} file that you may read.`,
      exitCode: exitCodes.usage,
      cause,
    });
  let text: string | null;
  try {
    text = await readUpTo(host, absolute(host, file));
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : null;
    throw unreadable(code ?? "unknown reason", cause);
  }
  if (text === null) throw unreadable("it is larger than 1 MB");
  return text;
}

/** Null where the file has more bytes than it may have. */
async function readUpTo({ files }: Host, place: string): Promise<string | null> {
  await using file = await files.open(place, "r");
  const buffer = Buffer.alloc(mostBytes + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
    length += bytesRead;
    if (length > mostBytes) return null;
    if (bytesRead === 0) return buffer.toString("utf8", 0, length);
  }
}

/** `~` and `$VAR` count here too: shells leave them alone behind `=`, in quotes and in config files. */
export function absolute(host: Pick<Host, "env" | "home" | "cwd">, file: string): string {
  return path.resolve(host.cwd, expandPath(file, host));
}
