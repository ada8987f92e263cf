import { StringDecoder } from "node:string_decoder";
import type { Host } from "../host/host.ts";
import type { TimedEvent } from "../progress/event.ts";
import { isAbort } from "../progress/failure.ts";
import { parseLine } from "./recording.ts";

const lookMs = 100;
const pieceBytes = 1024 * 1024;

/**
 * The events of a record that another process writes, as they come, until that process has ended or the signal fires.
 * Lines that are no events are passed over.
 */
export async function* tailRecord(
  host: Pick<Host, "files" | "clock">,
  record: string,
  isWritten: () => Promise<boolean>,
  signal: AbortSignal,
): AsyncGenerator<TimedEvent> {
  const file = await host.files.open(record, "r").catch(() => null);
  if (file === null) return;
  const decoder = new StringDecoder("utf8");
  const piece = Buffer.alloc(pieceBytes);
  let begun = "";
  try {
    for (;;) {
      // Asked before reading: what was written last is then read.
      const goesOn = await isWritten();
      for (;;) {
        const { bytesRead } = await file.read(piece, 0, pieceBytes);
        if (bytesRead === 0) break;
        const lines = (begun + decoder.write(piece.subarray(0, bytesRead))).split("\n");
        begun = lines.pop() ?? "";
        for (const line of lines) {
          const event = eventOf(line, record);
          if (event !== null) yield event;
        }
      }
      if (!goesOn || signal.aborted) return;
      await host.clock.sleep(lookMs, signal).catch((error: unknown) => {
        if (!isAbort(error)) throw error;
      });
    }
  } finally {
    await file.close();
  }
}

function eventOf(line: string, record: string): TimedEvent | null {
  try {
    return line === "" ? null : parseLine(line, record);
  } catch {
    return null;
  }
}
