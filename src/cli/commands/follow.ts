import type { Host } from "../../host/host.ts";
import { isClosing, type ClosingEvent } from "../../progress/event.ts";
import { exitCodes } from "../../progress/failure.ts";
import { isAlive, type BackgroundRun } from "../../setup/background.ts";
import type { Writer } from "../../ui/writer.ts";
import { tailRecord } from "../tail-record.ts";

export interface Following {
  readonly host: Host;
  readonly run: BackgroundRun;
  readonly writer: Writer;
  readonly signal: AbortSignal;
}

/**
 * Shows the run in the background, from its record, until it ends; an interruption leaves it alone.
 * @returns the exit status of that run; 130 where the person looked away
 */
export async function follow({ host, run, writer, signal }: Following): Promise<number> {
  let at = 0;
  const close = async (closing: ClosingEvent): Promise<number> => {
    writer.write({ v: 1, at, ...closing });
    return closing.type === "run.succeeded" ? exitCodes.done : closing.exitCode;
  };
  try {
    for await (const event of tailRecord(host, run.record, () => isAlive(host, run), signal)) {
      ({ at } = event);
      if (isClosing(event)) return await close(event);
      writer.write(event);
    }
    return await close(signal.aborted ? lookedAway(run) : lost(run));
  } finally {
    await writer.close();
  }
}

/** How it ends where the person does not want to look any longer, or not at all. */
export function lookedAway({
  pid,
}: BackgroundRun): Exclude<ClosingEvent, { type: "run.succeeded" }> {
  return {
    type: "run.cancelled",
    exitCode: exitCodes.interrupted,
    hint: "To come back to it: heros status --watch",
    background: { pid },
  };
}

function lost({ command }: BackgroundRun): ClosingEvent {
  return {
    type: "run.failed",
    code: "background.lost",
    message:
      "The run in the background ended without a word: it was killed, or the machine stopped.",
    hint: `Nothing that came is lost. Run heros ${command} again: it goes on where it stopped.`,
    exitCode: exitCodes.failed,
  };
}
