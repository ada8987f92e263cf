import { StringDecoder } from "node:string_decoder";
import type { Host } from "../host/host.ts";
import type { TimedEvent } from "../run/event.ts";
import { type Failure, isAbort } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { isRecord } from "../run/json.ts";
import { eventSchemas } from "./event-schemas.ts";

/**
 * The events of a recorded run. Types that this heros does not know are left out: they were added since, within version 1.
 * @throws Failure `replay.broken`, `replay.newer`, `replay.empty` (exit 2), which name file and line
 */
export function parseRecording(text: string, file: string): TimedEvent[] {
  const events: TimedEvent[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const place = `${file}, line ${index + 1},`;
    const event = parseLine(line, place);
    if (event !== null) events.push(event);
  }
  if (events.length > 0) return events;
  throw failure("replay.empty", { file });
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
  const event = withPresentNames({ ...value });
  const { error } = eventSchemas[type].safeParse(event);
  if (error !== undefined) throw broken(place, `is an incomplete ${type} event`, error);
  return event as TimedEvent;
}

/** Records of before call a leftover "passing" that is "transient" now. */
function withPresentNames(event: Readonly<Record<string, unknown>>) {
  const rename = (leftover: unknown): unknown =>
    isRecord(leftover) && leftover["kind"] === "passing"
      ? { ...leftover, kind: "transient" }
      : leftover;
  const { type, files } = event;
  if (type === "prune.planned" && Array.isArray(files)) {
    return { ...event, files: files.map(rename) };
  }
  return type === "file.removed" ? rename(event) : event;
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
