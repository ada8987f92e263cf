import type { Files } from "../../host/host.ts";
import { openUnlinked } from "../../host/own-file.ts";
import type { ByteRanges } from "../../run/byte-ranges.ts";
import { copySuffix } from "./layout.ts";
import { errorCode } from "../../run/failure.ts";

type Doors = Pick<Files, "open" | "rename" | "rm">;

const pieceBytes = 1024 * 1024;

export function isOtherDisk(error: unknown): boolean {
  return errorCode(error) === "EXDEV";
}

export interface Move {
  readonly from: string;
  readonly to: string;
  readonly sizeBytes: number;
  /** What of the file matters; the rest is left as a hole. */
  readonly ranges: ByteRanges;
}

/** Gives a file of ours another place. On another disk it is copied and synced first, and appears there by a rename too. @throws Node's errors, AbortError */
export async function moveFile(files: Doors, move: Move, signal: AbortSignal): Promise<void> {
  const { from, to } = move;
  try {
    await files.rename(from, to);
    return;
  } catch (error) {
    if (!isOtherDisk(error)) throw error;
  }
  const temporary = `${to}${copySuffix}`;
  await files.rm(temporary, { force: true });
  try {
    await copy(files, { ...move, to: temporary }, signal);
    await files.rename(temporary, to);
  } catch (error) {
    await files.rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  await files.rm(from, { force: true });
}

async function copy(
  files: Doors,
  { from, to, sizeBytes, ranges }: Move,
  signal: AbortSignal,
): Promise<void> {
  const source = await openUnlinked(files, from);
  try {
    const target = await files.open(to, "wx");
    try {
      await target.truncate(sizeBytes);
      const buffer = Buffer.alloc(Math.min(pieceBytes, sizeBytes));
      for (const { start, end } of ranges) {
        for (let at = start; at < end;) {
          signal.throwIfAborted();
          const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, end - at), at);
          if (bytesRead === 0) throw new Error(`${from} is shorter than it was`);
          for (let put = 0; put < bytesRead;) {
            put += (await target.write(buffer, put, bytesRead - put, at + put)).bytesWritten;
          }
          at += bytesRead;
        }
      }
      await target.datasync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
