import { Buffer, isUtf8 } from "node:buffer";
import { failure } from "../run/failures/table.ts";
import { basename, dirname, join, resolve } from "node:path";
import { removeOfDead } from "./process-table.ts";
import type { Host } from "./host.ts";
import { errorCode, Failure } from "../run/failure.ts";
import { readErrors } from "../run/failures/cli.ts";

/** A compose file or a `.env` is some kilobytes long. */
const maxBytes = 8 * 1024 * 1024;

/**
 * A file's text, or null where there is none. Any other error is the caller's.
 * @throws Failure `stack.no_text_file` (exit 2) for what has no end, or is far too long
 */
export async function readIfThere(host: Pick<Host, "files">, path: string): Promise<string | null> {
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

/** Why `readIfThere` could not, as it stands behind a colon. */
export function whyUnreadable(error: unknown): string {
  if (error instanceof Failure && error.code === "stack.no_text_file") {
    return "it is not a regular text file, or it is too large";
  }
  const code = errorCode(error) ?? "unknown reason";
  return readErrors[code] ?? code;
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

export interface AtomicWrite {
  readonly host: Pick<Host, "files" | "pid" | "random">;
  readonly path: string;
  /** From `decode`, or of our own. */
  readonly content: string;
  /** Of a new file; one that is there keeps its own, without `forbiddenBits`, and its owner. */
  readonly mode: number;
  /** Default: none. */
  readonly forbiddenBits?: number;
  /** False for what can be had again: a power cut may then cost the file. Default: true. */
  readonly durable?: boolean;
}

/** Replaces a file as a whole: whoever reads it sees the old bytes or the new. Through a symbolic link, the file behind it. */
export async function writeAtomically(request: AtomicWrite): Promise<void> {
  const { host, content, mode, forbiddenBits = 0, durable = true } = request;
  const target = await behindLinks(host, request.path);
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.heros-${host.pid}-${tag(host)}`);
  await removeUnfinished(host, target);
  const existing = await host.files.stat(target).catch(() => null);
  try {
    const handle = await host.files.open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(encode(content));
      if (existing !== null) {
        const owner = await handle.stat();
        if (owner.uid !== existing.uid || owner.gid !== existing.gid) {
          await handle.chown(existing.uid, existing.gid).catch(ignore);
        }
      }
      await handle.chmod(existing === null ? mode : existing.mode & 0o7777 & ~forbiddenBits);
      if (durable) await handle.sync();
    } finally {
      await handle.close();
    }
    await host.files.rename(temporary, target);
  } catch (error) {
    await host.files.rm(temporary, { force: true }).catch(ignore);
    throw error;
  }
  if (durable) await syncFolder(host, folder);
}

/** Removes what whoever was killed while writing this file left beside it. */
export async function removeUnfinished(host: Pick<Host, "files">, file: string): Promise<void> {
  await removeOfDead(host.files, dirname(file), (name) => ownerOf(name, basename(file)));
}

/** The process that began to write this file and left its temporary one; null for every other name. */
function ownerOf(name: string, file: string): string | null {
  const start = `.${file}.heros-`;
  if (!name.startsWith(start)) return null;
  return /^(\d+)-[0-9a-z]+$/.exec(name.slice(start.length))?.[1] ?? null;
}

/** The path that a write must go to so that no link is replaced. */
async function behindLinks(host: Pick<Host, "files">, file: string): Promise<string> {
  try {
    return await host.files.realpath(file);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
  // Nothing there, or a link whose file is still to come.
  const link = await host.files.readlink(file).catch(() => null);
  return link === null ? file : resolve(dirname(file), link);
}

async function syncFolder(host: Pick<Host, "files">, folder: string): Promise<void> {
  const handle = await host.files.open(folder, "r");
  try {
    await handle.sync();
  } catch {
    // Some network file systems can't sync a folder; the file itself is safe.
  } finally {
    await handle.close();
  }
}

function tag(host: Pick<Host, "random">): string {
  return Math.floor(host.random() * 36 ** 6).toString(36);
}

function ignore(): void {}
