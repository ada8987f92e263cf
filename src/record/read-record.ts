import { StringDecoder } from "node:string_decoder";
import type { Host } from "../host/host.ts";
import type { TimedEvent } from "../run/event.ts";
import { type Failure, isAbort } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { eventSchemas } from "./event-schemas.ts";

/**
 * The events of a recorded run. Types that this heros does not know are left out: they were added since, within version 1.
 * A last line that was cut off, by a kill or a full disk, becomes a notice.
 * @throws Failure `replay.broken`, `replay.newer`, `replay.empty` (exit 2), which name file and line
 */
export function parseRecording(text: string, file: string): TimedEvent[] {
  const events: TimedEvent[] = [];
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    if (index === lines.length - 1 && events.length > 0 && !isJson(line)) {
      events.push(cutOff(events.at(-1)?.at ?? 0));
      break;
    }
    const place = `${file}, line ${index + 1},`;
    const event = parseLine(line, place);
    if (event !== null) events.push(event);
  }
  if (events.length > 0) return events;
  throw failure("replay.empty", { file });
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function cutOff(at: number): TimedEvent {
  const message = "The last line of this record is incomplete and was skipped.";
  return { v: 1, at, type: "notice", level: "warning", code: "replay.cut_off", message };
}

/**
 * The event in a line; null for a type that this heros does not know.
 * @throws Failure `replay.broken`, `replay.newer` (exit 2)
 */
export function parseLine(line: string, place: string): TimedEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw broken(place, "is not JSON", cause);
  }
  if (typeof value !== "object" || value === null || !("v" in value)) {
    throw broken(place, "is not a heros event");
  }
  if (typeof value.v === "number" && value.v > 1) {
    throw failure("replay.newer", { place, version: value.v });
  }
  const { at, type }: Readonly<Record<string, unknown>> = { ...value };
  if (value.v !== 1 || typeof type !== "string" || typeof at !== "number" || !(at >= 0)) {
    throw broken(place, "is not a heros event");
  }
  if (!isKnown(type)) return null;
  const event = { ...value };
  const { error } = eventSchemas[type].safeParse(event);
  if (error !== undefined) throw broken(place, `is an incomplete ${type} event`, error);
  return event as TimedEvent;
}

function isKnown(type: string): type is TimedEvent["type"] {
  return Object.hasOwn(eventSchemas, type);
}

function broken(place: string, what: string, cause?: unknown): Failure {
  return failure("replay.broken", { place, what }, cause);
}

/** As `parseLine`; null for every line that is no event: half of one, for it is written just now. */
function eventIn(line: string, record: string): TimedEvent | null {
  try {
    return line === "" ? null : parseLine(line, record);
  } catch {
    return null;
  }
}

/** The end of a record in which the last progress certainly is. */
const tailBytes = 256 * 1024;

/** The last whole events of a record that may be written just now; none where it can't be opened. */
export async function lastEvents(
  { files }: Pick<Host, "files">,
  record: string,
): Promise<TimedEvent[]> {
  const file = await files.open(record, "r").catch(() => null);
  if (file === null) return [];
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    const lines = buffer.toString("utf8", 0, bytesRead).split("\n");
    return lines.flatMap((line) => eventIn(line, record) ?? []);
  } finally {
    await file.close();
  }
}

const lookMs = 100;
const pieceBytes = 1024 * 1024;

export interface FollowRecord {
  readonly host: Pick<Host, "files" | "clock">;
  readonly record: string;
  /** Whether the process that writes it still runs. */
  readonly isWritten: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

/**
 * The events of a record that another process writes, as they come, until that process has ended or the signal fires.
 * Lines that are no events are passed over.
 */
export async function* followRecord(follow: FollowRecord): AsyncGenerator<TimedEvent> {
  const { host, record, isWritten, signal } = follow;
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
          const event = eventIn(line, record);
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
