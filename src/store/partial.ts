import { addRange, type ByteRanges, countBytes } from "../run/byte-ranges.ts";
import { inFolder, type Partial } from "./store.ts";
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { z } from "zod";
import type { Files } from "../host/host.ts";
import { openOwn } from "../host/own-file.ts";
import { parseJson } from "../run/json.ts";

export interface JournaledBlob {
  readonly blobName: string;
  readonly sizeBytes: number;
}

/**
 * What is known of a partial. `written` bytes were handed to the kernel: they outlive heros, but not the machine's power.
 * `synced` bytes are on the disk. The journal's lines say so after the fact, never before.
 */
export interface JournalState extends JournaledBlob {
  readonly written: ByteRanges;
  readonly synced: ByteRanges;
}

const range = z
  .tuple([z.number().int().nonnegative(), z.number().int().positive()])
  .refine(([start, end]) => end > start);
const record = z.object({
  v: z.literal(1),
  blob: z.string(),
  size: z.number().int().positive(),
  boot: z.string(),
  written: z.array(range),
  synced: z.array(range),
});

/** One line with the whole state and a checksum, so that any line stands alone and a torn last one is seen. */
export function encodeLine(state: JournalState, bootId: string): string {
  const body = JSON.stringify({
    v: 1,
    blob: state.blobName,
    size: state.sizeBytes,
    boot: bootId,
    written: state.written.map(({ start, end }) => [start, end]),
    synced: state.synced.map(({ start, end }) => [start, end]),
  });
  return `${checksum(body)} ${body}\n`;
}

/**
 * Which bytes of the partial can be trusted, by the last whole line: the written ones if the machine has run since
 * without a restart, else the synced ones. Null where nothing can be: another blob, another size, another format, no whole line.
 */
export function trustedRanges(
  text: string,
  expected: JournaledBlob,
  bootId: string,
): ByteRanges | null {
  for (const line of text.split("\n").toReversed()) {
    const state = decodeLine(line);
    if (state === null) continue;
    if (state.blob !== expected.blobName || state.size !== expected.sizeBytes) return null;
    const pairs = bootId !== "" && state.boot === bootId ? state.written : state.synced;
    return toRanges(pairs, expected.sizeBytes);
  }
  return null;
}

function decodeLine(line: string): z.infer<typeof record> | null {
  const [sum, body] = [line.slice(0, 16), line.slice(17)];
  if (line[16] !== " " || checksum(body) !== sum) return null;
  return record.safeParse(parseJson(body)).data ?? null;
}

/** Null unless the pairs are in order, apart, and inside the file. */
function toRanges(pairs: readonly (readonly [number, number])[], sizeBytes: number) {
  let reached = -1;
  for (const [start, end] of pairs) {
    if (start <= reached || end > sizeBytes) return null;
    reached = end;
  }
  return pairs.map(([start, end]) => ({ start, end }));
}

function checksum(body: string): string {
  return createHash("sha256").update(body).digest("hex").slice(0, 16);
}

/** A longer one is started over, with the last line alone. */
const compactBytes = 256 * 1024;
/** Of a journal that is read: far more than one with the most lines and gaps has. */
const maxJournalBytes = 16 * 1024 * 1024;

/** The journal's text; "" where there is none of ours. */
export async function readJournal(
  files: Pick<Files, "open" | "stat">,
  path: string,
): Promise<string> {
  const journal = await openOwn(files, path, "read");
  if (journal === null) return "";
  try {
    const { size } = await journal.stat();
    return size > maxJournalBytes ? "" : await journal.readFile("utf8");
  } finally {
    await journal.close();
  }
}

/** The journal of one partial, open for more lines. */
export interface Journal {
  /** Lines go in one after the other: the caller waits for each. @throws Node's errors */
  append(state: Pick<JournalState, "written" | "synced">): Promise<void>;
  /** Brings the last line to the disk. @throws Node's errors */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Puts a journal with one line in place of the one that is there. @throws Node's errors */
export async function openJournal(
  files: Pick<Files, "open" | "rename" | "rm">,
  path: string,
  first: JournalState,
  bootId: string,
): Promise<Journal> {
  const { blobName, sizeBytes } = first;
  let bytes = 0;
  let file = await begin(first);
  /** Others took the place of these; a sync may still be running on them. */
  const retired: FileHandle[] = [];

  async function begin(state: JournalState): Promise<FileHandle> {
    const temporary = `${path}.new`;
    const line = encodeLine(state, bootId);
    await files.rm(temporary, { force: true });
    const opened = await files.open(temporary, "wx");
    await opened.write(line);
    await opened.datasync();
    await files.rename(temporary, path);
    bytes = line.length;
    return opened;
  }

  return {
    async append(known) {
      const state = { blobName, sizeBytes, ...known };
      if (bytes > compactBytes) {
        retired.push(file);
        file = await begin(state);
        return;
      }
      const line = encodeLine(state, bootId);
      bytes += line.length;
      await file.write(line);
    },
    sync: () => file.datasync(),
    async close() {
      await Promise.all([file, ...retired].map((opened) => opened.close()));
    },
  };
}

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
