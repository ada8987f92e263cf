import type { Host } from "../host/host.ts";
import { isClosing, type TimedEvent } from "../progress/event.ts";
import type { DownloadProgress } from "../progress/events/download.ts";
import type { Stage } from "../progress/events/run.ts";
import type { BackgroundSeen } from "../progress/events/status.ts";
import { isAlive, recallBackground } from "./background.ts";

/** The end of a record in which the last progress certainly is. */
const tailBytes = 256 * 1024;

/** The run that was left in the background last, how far it is or how it ended; null where there is none. */
export async function seeBackground(
  host: Pick<Host, "files" | "clock">,
  stateDir: string,
): Promise<BackgroundSeen | null> {
  const run = await recallBackground(host, stateDir);
  if (run === null) return null;
  // Before its record is read: what ends meanwhile has said so by then.
  const alive = await isAlive(host, run);
  const events = await lastEvents(host, run.record);
  const closing = events.findLast((event) => isClosing(event)) ?? null;
  const progress = events.findLast((event) => event.type === "download.progress") ?? null;
  const { command, pid, startedAt, record } = run;
  const ranSeconds = (host.clock.now().getTime() - Date.parse(startedAt)) / 1000;
  return {
    command,
    pid,
    startedAt,
    record,
    state: closing === null ? (alive ? "running" : "lost") : "ended",
    elapsedSeconds: closing === null && alive ? Math.max(0, Math.round(ranSeconds)) : null,
    stage: closing === null && alive ? stageOf(events) : null,
    progress: progress === null ? null : figures(progress),
    closing,
  };
}

/** Annie starts beside the download: as long as that goes on it is what is told. */
function stageOf(events: readonly TimedEvent[]): Stage | null {
  const last = events.findLast(
    (event) =>
      event.type === "download.progress" ||
      event.type === "download.finished" ||
      event.type === "stage.started",
  );
  if (last?.type === "stage.started") return last.stage;
  return last === undefined ? null : last.type === "download.progress" ? "download" : "annie";
}

function figures(progress: DownloadProgress): BackgroundSeen["progress"] {
  const { receivedBytes, totalBytes, bytesPerSecond, etaSeconds } = progress;
  return { receivedBytes, totalBytes, bytesPerSecond, etaSeconds };
}

/** The last whole events of a record that may be written just now. */
async function lastEvents({ files }: Pick<Host, "files">, record: string): Promise<TimedEvent[]> {
  const file = await files.open(record, "r").catch(() => null);
  if (file === null) return [];
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    return buffer.toString("utf8", 0, bytesRead).split("\n").flatMap(parseEvent);
  } finally {
    await file.close();
  }
}

/** A line that was cut in two, or is no event, says nothing. */
function parseEvent(line: string): TimedEvent[] {
  try {
    const value: unknown = JSON.parse(line);
    const isEvent = typeof value === "object" && value !== null && "type" in value;
    return isEvent ? [value as TimedEvent] : [];
  } catch {
    return [];
  }
}
