import { Buffer, isUtf8 } from "node:buffer";
import type { Host } from "./host.ts";
import { failure } from "../run/failures/table.ts";
import { errorCode } from "../run/failure.ts";

/** A compose file or a `.env` is some kilobytes long. */
const maxBytes = 8 * 1024 * 1024;

/**
 * A file's text, or null where there is none. Any other error is the caller's.
 * @throws Failure `stack.no_text_file` (exit 2) for what has no end, or is far too long
 */
export async function readIfThere(host: Host, path: string): Promise<string | null> {
  try {
    const stats = await host.files.stat(path);
    if (!stats.isDirectory() && (!stats.isFile() || stats.size > maxBytes)) {
      throw failure("stack.no_text_file", { path });
    }
    return decode(await host.files.readFile(path));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

const utf8OrByte =
  /[^\x80-\xff]+|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|(?<byte>[\x80-\xff])/g;

/**
 * Bytes as a text that can become the same bytes again: what is no UTF-8 stands as a lone surrogate from U+DC80 to
 * U+DCFF, as with Python's `surrogateescape`.
 */
export function decode(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  return bytes
    .toString("latin1")
    .replaceAll(utf8OrByte, (match, byte?: string) =>
      byte === undefined
        ? Buffer.from(match, "latin1").toString("utf8")
        : String.fromCharCode(0xdc00 + byte.charCodeAt(0)),
    );
}

/** The bytes of a text from `decode`. */
export function encode(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, "utf8");
  return Buffer.concat(
    text
      .split(/([\u{DC80}-\u{DCFF}])/u)
      .map((part) =>
        /^[\u{DC80}-\u{DCFF}]$/u.test(part)
          ? Buffer.of(part.charCodeAt(0) - 0xdc00)
          : Buffer.from(part, "utf8"),
      ),
  );
}
