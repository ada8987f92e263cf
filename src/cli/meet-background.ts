import type { Host } from "../host/host.ts";
import type { ClosingEvent } from "../progress/event.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { forgetBackground, isAlive, type BackgroundRun } from "../setup/background.ts";
import type { Meeting, Writer } from "../ui/writer.ts";
import { stateDirOf } from "./app-files.ts";
import { follow, lookedAway } from "./commands/follow.ts";
import type { HerosCommand } from "./program.ts";
import { closingOf } from "./run-command.ts";

export interface MeetBackground {
  readonly command: HerosCommand;
  readonly host: Host;
  readonly run: BackgroundRun;
  readonly writer: Writer;
  readonly signal: AbortSignal;
  /** Asks that process to stop. */
  terminate(): void;
  /** From now on the run in the background is what is shown. */
  watched(): void;
}

const stopLimitMs = 30_000;
const lookMs = 50;

/**
 * Watches the run in the background, stops it, or leaves everything as it is, as the person says; where nobody can be
 * asked it is watched.
 * @returns the exit status; null where the command is to go on, because that run has ended
 */
export async function meetBackground(meet: MeetBackground): Promise<number | null> {
  const { host, run, writer, signal } = meet;
  try {
    const meeting = await choose(meet);
    if (meeting === "watch") {
      meet.watched();
      return await follow({ host, run, writer, signal });
    }
    if (meeting === "stop") {
      await end(meet);
      return null;
    }
    return await close(writer, lookedAway(run));
  } catch (error) {
    if (signal.aborted) return close(writer, lookedAway(run));
    return close(writer, closingOf(error, { interrupted: false, resumeHint: "" }));
  }
}

async function choose({ command, run, writer, signal }: MeetBackground): Promise<Meeting> {
  const unasked = command.name === "status" || (command.name === "setup" && command.yes);
  return unasked || writer.meet === undefined ? "watch" : writer.meet(run, signal);
}

async function end({ host, run, signal, terminate }: MeetBackground): Promise<void> {
  terminate();
  const limitMs = host.clock.monotonicMs() + stopLimitMs;
  while (await isAlive(host, run)) {
    if (host.clock.monotonicMs() > limitMs) {
      throw new Failure({
        code: "background.still_running",
        message: `The run in the background, process ${run.pid}, does not stop.`,
        hint: `End it with: kill -9 ${run.pid}. What is downloaded is kept.`,
        exitCode: exitCodes.failed,
      });
    }
    await host.clock.sleep(lookMs, signal);
  }
  await forgetBackground(host, stateDirOf(host));
}

async function close(
  writer: Writer,
  closing: Exclude<ClosingEvent, { type: "run.succeeded" }>,
): Promise<number> {
  writer.write({ v: 1, at: 0, ...closing });
  await writer.close();
  return closing.exitCode;
}
