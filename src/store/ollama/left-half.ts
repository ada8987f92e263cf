import { join } from "node:path";
import type { Files } from "../../host/host.ts";
import { openUnlinked, ownUid } from "../../host/own-file.ts";
import { addRange, type ByteRanges, countBytes } from "../../run/byte-ranges.ts";
import { isRecord, parseJson } from "../../run/json.ts";
import type { ContentPlace } from "../contents.ts";
import { type JournaledBlob, openJournal } from "../partial.ts";
import { blobPath, type OllamaPlaces } from "./places.ts";

/** What `ollama pull` left of a blob when it was stopped. */
export interface LeftHalf {
  readonly file: string;
  /** One for each part, which says how far it is. */
  readonly parts: readonly string[];
  readonly held: ByteRanges;
}

/** Of less there is no partial here. */
const minBytes = 1024 * 1024;
const maxParts = 1000;
const maxPartBytes = 4096;

/**
 * `sha256-…-partial`, as long as the blob will be, and beside it `-partial-0`, `-partial-1`, … with what is done of each part:
 * server/download.go of github.com/ollama/ollama. Null where there is none, where it is not as it must be, or where a process
 * still writes to it.
 */
export async function findLeftHalf(
  files: Pick<Files, "lstat" | "open" | "readdir" | "stat">,
  places: Pick<OllamaPlaces, "blobs">,
  { blobName, sizeBytes }: JournaledBlob,
): Promise<LeftHalf | null> {
  const file = `${blobPath(places, blobName)}-partial`;
  if (sizeBytes < minBytes) return null;
  const found = await files.lstat(file).catch(() => null);
  if (found === null || !found.isFile() || found.size !== sizeBytes || found.nlink !== 1)
    return null;
  if (found.uid !== (await ownUid(files))) return null;
  const name = new RegExp(`^sha256-${blobName}-partial-\\d{1,4}$`, "u");
  const names = (await files.readdir(places.blobs)).filter((each) => name.test(each));
  if (names.length === 0 || names.length > maxParts) return null;
  const parts = names.map((each) => join(places.blobs, each));
  let held: ByteRanges = [];
  let toldBytes = 0;
  for (const part of parts) {
    const range = await readPart(files, part, sizeBytes);
    if (range === null) return null;
    toldBytes += range.end - range.start;
    held = addRange(held, range);
  }
  // Parts that overlap are not Ollama's.
  if (held.length === 0 || countBytes(held) !== toldBytes) return null;
  return (await isInUse(files, found)) ? null : { file, parts, held };
}

/** What is done of a part, from its beginning on. */
async function readPart(
  files: Pick<Files, "open">,
  path: string,
  sizeBytes: number,
): Promise<{ start: number; end: number } | null> {
  const handle = await openUnlinked(files, path).catch(() => null);
  if (handle === null) return null;
  try {
    const { size } = await handle.stat();
    if (size > maxPartBytes) return null;
    const part = parseJson(await handle.readFile("utf8"));
    if (!isRecord(part)) return null;
    const [start, length, done] = [part["Offset"], part["Size"], part["Completed"]].map(Number);
    if (start === undefined || length === undefined || done === undefined) return null;
    const whole = [start, length, done].every((each) => Number.isSafeInteger(each) && each >= 0);
    if (!whole || done > length || start + length > sizeBytes) return null;
    return { start, end: start + done };
  } finally {
    await handle.close();
  }
}

/** Whether a process that this user may look at has the file open. */
async function isInUse(
  files: Pick<Files, "readdir" | "stat">,
  { dev, ino }: { readonly dev: number; readonly ino: number },
): Promise<boolean> {
  const processes = await files.readdir("/proc").catch(() => []);
  for (const pid of processes.filter((name) => /^\d+$/u.test(name))) {
    const folder = `/proc/${pid}/fd`;
    const opened = await files.readdir(folder).catch(() => []);
    const found = await Promise.all(
      opened.map((name) => files.stat(join(folder, name)).catch(() => null)),
    );
    if (found.some((each) => each?.dev === dev && each.ino === ino)) return true;
  }
  return false;
}

/** Goes on with it: the file is ours from now on, and its journal says what it holds. Ollama would start over. @throws Node's errors */
export async function takeOver(
  files: Pick<Files, "open" | "rename" | "rm">,
  { file, parts, held }: LeftHalf,
  { place, blob, bootId }: { place: ContentPlace; blob: JournaledBlob; bootId: string },
): Promise<void> {
  const { blobName, sizeBytes } = blob;
  const state = { blobName, sizeBytes, written: held, synced: [] };
  const journal = await openJournal(files, place.journal, state, bootId);
  await journal.close();
  for (const part of parts) await files.rm(part, { force: true });
  await files.rename(file, place.partial);
}
