import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { z } from "zod";
import type { Files } from "../host/host.ts";
import { openOwn } from "../host/own-file.ts";
import type { ByteRanges } from "../run/byte-ranges.ts";
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
