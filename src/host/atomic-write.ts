import path from "node:path";
import { removeOfDead } from "./process-table.ts";
import type { Host } from "./host.ts";
import { encode } from "./text-files.ts";
import { errorCode } from "../run/failure.ts";

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
  const folder = path.dirname(target);
  const temporary = path.join(folder, `.${path.basename(target)}.heros-${host.pid}-${tag(host)}`);
  await removeOfDead(host.files, folder, (name) => ownerOf(name, path.basename(target)));
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
  return link === null ? file : path.resolve(path.dirname(file), link);
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
