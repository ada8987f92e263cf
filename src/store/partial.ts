import type { FileHandle } from "node:fs/promises";
import type { Files } from "../host/host.ts";
import { openOwn } from "../host/own-file.ts";
import { addRange, type ByteRanges, countBytes } from "../run/byte-ranges.ts";
import { inFolder, type Partial } from "./store.ts";
import {
  type Journal,
  type JournaledBlob,
  openJournal,
  readJournal,
  trustedRanges,
} from "./journal.ts";

/** Where a partial and its journal lie. */
export interface PartialPaths {
  readonly folder: string;
  readonly partial: string;
  readonly journal: string;
}

/** To one file. One alone would wait for this program between two writes, and many spin at the lock of the file's inode. */
const writesAtOnce = 3;

/** What of a partial can be trusted; nothing where its length or its journal is not as it must be, or one is not ours. */
export async function readPartial(
  files: Pick<Files, "open" | "stat">,
  paths: PartialPaths,
  blob: JournaledBlob,
  bootId: string,
): Promise<ByteRanges> {
  const handle = await openOwn(files, paths.partial, "read");
  if (handle === null) return [];
  try {
    return await trusted(files, handle, { paths, blob, bootId });
  } finally {
    await handle.close();
  }
}

async function trusted(
  files: Pick<Files, "open" | "stat">,
  partial: FileHandle,
  { paths, blob, bootId }: { paths: PartialPaths; blob: JournaledBlob; bootId: string },
): Promise<ByteRanges> {
  const { size } = await partial.stat();
  if (size !== blob.sizeBytes) return [];
  const text = await readJournal(files, paths.journal);
  return trustedRanges(text, blob, bootId) ?? [];
}

/** Opens a partial to go on with it, or starts one. A line at the latest after `noteBytes`. Only one process may: the lock is the caller's. */
export async function openPartial(
  files: Pick<Files, "open" | "stat" | "mkdir" | "rename" | "rm">,
  paths: PartialPaths,
  blob: JournaledBlob,
  { bootId, noteBytes }: { readonly bootId: string; readonly noteBytes: number },
): Promise<Partial> {
  const { partial: path, journal: journalFile, folder } = paths;
  const { handle, held } = await openBytes();
  let written = held;
  let synced: ByteRanges = [];
  let journal: Journal;
  try {
    await handle.truncate(blob.sizeBytes);
    if (written.length > 0) {
      await handle.datasync();
      synced = written;
    }
    journal = await openJournal(files, journalFile, { ...blob, written, synced }, bootId);
  } catch (error) {
    await handle.close();
    throw error;
  }
  let noted = written;
  let unnotedBytes = 0;
  let queue: Promise<void> = Promise.resolve();
  let syncs: Promise<void> = Promise.resolve();
  const turns = Array.from({ length: writesAtOnce }, () => Promise.resolve());
  let turn = 0;
  let noting: Promise<void> | null = null;

  /** The bytes that are there, as far as they can be trusted; else a new file. */
  async function openBytes(): Promise<{ handle: FileHandle; held: ByteRanges }> {
    const found = await openOwn(files, path, "write");
    const trustworthy =
      found === null ? [] : await trusted(files, found, { paths, blob, bootId }).catch(() => []);
    if (found !== null && trustworthy.length > 0) return { handle: found, held: trustworthy };
    await found?.close();
    await files.rm(path, { force: true });
    await files.rm(journalFile, { force: true });
    return { handle: await inFolder(files, folder, () => files.open(path, "wx+")), held: [] };
  }

  async function append(): Promise<void> {
    noted = written;
    unnotedBytes = 0;
    await journal.append({ written, synced });
  }

  async function putAll(bytes: Buffer, position: number): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const start = position + at;
      const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, start);
      written = addRange(written, { start, end: start + bytesWritten });
      at += bytesWritten;
    }
  }

  /** The disk is waited for outside the queue: lines about other writes go on meanwhile, so that a kill costs little. */
  async function syncNow(): Promise<void> {
    const before = written;
    if (before === synced) return;
    await handle.datasync();
    synced = before;
    await inTurn(append);
    await journal.sync();
  }

  /** One line for all writes that end while the one before is on its way. */
  async function note(): Promise<void> {
    if (noted === written) return;
    noting ??= inTurn(async () => {
      noting = null;
      if (noted !== written) await append();
    });
    await noting;
  }

  /** Lines go in one after the other. */
  function inTurn(task: () => Promise<void>): Promise<void> {
    const done = queue.then(task);
    queue = done.catch(() => {});
    return done;
  }

  return {
    path,
    written: () => written,
    writtenBytes: () => countBytes(written),
    async write(bytes, position) {
      turn = (turn + 1) % writesAtOnce;
      const put = (turns[turn] ?? Promise.resolve()).then(() => putAll(bytes, position));
      turns[turn] = put.catch(() => {});
      await put;
      unnotedBytes += bytes.length;
      if (unnotedBytes >= noteBytes) await note();
    },
    async read(position, length) {
      const bytes = Buffer.alloc(length);
      await handle.read(bytes, 0, length, position);
      return bytes;
    },
    note,
    sync() {
      const done = syncs.then(syncNow);
      syncs = done.catch(() => {});
      return done;
    },
    async close() {
      await syncs;
      await queue;
      await Promise.all([handle.close(), journal.close()]);
    },
  };
}
