import path from "node:path";
import type { Host } from "../host/host.ts";
import { isClosing, type TimedEvent } from "../run/event.ts";
import { errorCode, exitCodes } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { parseRecording } from "../record/read-record.ts";

export interface ReplayRequest {
  readonly host: Host;
  /** The record. */
  readonly file: string;
  /** How many times faster than it was; null: as fast as the output takes it, on a live screen as it was. */
  readonly speed: number | null;
  /** Opens what shows the events, once the record is known to be whole. */
  readonly open: () => Promise<Screen>;
  /** On a live screen a run takes its time, unless `--speed` says otherwise. */
  readonly live: boolean;
  readonly signal: AbortSignal;
}

/** What shows a record: a writer. */
export interface Screen {
  write(event: TimedEvent): void;
  close(): Promise<void>;
}

/**
 * `heros replay FILE`: the recorded events, through a writer, and nothing else. A record without an end, of a run that was
 * killed, is closed as cancelled.
 * @returns 0 when it was played, whatever became of the recorded run; 130 when it was interrupted
 * @throws Failure `replay.…` (exit 2)
 */
export async function performReplay(request: ReplayRequest): Promise<number> {
  const { host, file, open, live, signal } = request;
  const events = parseRecording(await readRecord(host, file), file);
  const writer = await open();
  const speed = request.speed ?? (live ? 1 : null);
  let last: TimedEvent | null = null;
  try {
    for (const event of events) {
      const waitMs = last === null || speed === null ? 0 : (event.at - last.at) / speed;
      if (waitMs > 0) await host.clock.sleep(waitMs, signal);
      signal.throwIfAborted();
      writer.write(event);
      last = event;
    }
    if (last !== null && !isClosing(last)) {
      writer.write(cancelled(last.at, "The record ends here: the run was interrupted."));
    }
    return exitCodes.done;
  } catch (error) {
    if (!signal.aborted) throw error;
    writer.write(cancelled(last?.at ?? 0, "It was a replay: no run was touched."));
    return exitCodes.interrupted;
  } finally {
    await writer.close();
  }
}

function cancelled(at: number, hint: string): TimedEvent {
  return { v: 1, at, type: "run.cancelled", exitCode: exitCodes.interrupted, hint };
}

async function readRecord(host: Host, file: string): Promise<string> {
  try {
    return await host.files.readFile(path.resolve(host.cwd, file), "utf8");
  } catch (cause) {
    const reason = errorCode(cause) ?? "unknown";
    throw failure("replay.unreadable", { file, reason }, cause);
  }
}
