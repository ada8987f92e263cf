import type { Host } from "../host/host.ts";
import type { ClosingEvent } from "../progress/event.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { forgetBackground, isAlive, type BackgroundRun } from "../setup/background.ts";
import { meetingWords } from "../ui/words/meeting.ts";
import type { Meeting, Writer } from "../ui/writer.ts";
import { follow, lookedAway } from "./commands/follow.ts";
import { parseArguments, type HerosCommand } from "./program.ts";
import { closingOf } from "./run-command.ts";
import { isSameWork } from "./same-work.ts";

export interface MeetBackground {
  readonly command: HerosCommand;
  readonly host: Host;
  readonly run: BackgroundRun;
  /** Where it is remembered. */
  readonly stateDir: string;
  readonly writer: Writer;
  readonly signal: AbortSignal;
  /** Asks that process to stop. */
  terminate(): void;
  /** From now on the run in the background is what is shown. */
  watched(): void;
}

const stopLimitMs = 30_000;
const lookMs = 50;
const awaitMs = 500;

/**
 * Watches the run in the background, stops it, or leaves everything as it is, as the person says. Where nobody can be
 * asked it is watched if it does the same work, and otherwise waited for.
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
    if (meeting === "stop" || meeting === "await") {
      await (meeting === "stop" ? end(meet) : awaitEnd(meet));
      return null;
    }
    return await close(writer, lookedAway(run));
  } catch (error) {
    if (signal.aborted) return close(writer, lookedAway(run));
    return close(writer, closingOf(error, { interrupted: false, resumeHint: "" }));
  }
}

async function choose({
  command,
  run,
  writer,
  signal,
}: MeetBackground): Promise<Meeting | "await"> {
  if (command.name === "status") return "watch";
  const unasked = command.name === "setup" && command.yes;
  if (!unasked && writer.meet !== undefined) return writer.meet(run, signal);
  return isOfCommand(run, command) ? "watch" : "await";
}

/** Its end is the end of this command too, for it does the same. */
function isOfCommand(run: BackgroundRun, command: HerosCommand): boolean {
  try {
    const parsed = parseArguments(run.argv);
    return parsed.kind === "command" && isSameWork(parsed.command, command);
  } catch {
    return false;
  }
}

/** Other work comes first; two runs would fetch in each other's way. */
async function awaitEnd({ host, run, stateDir, writer, signal }: MeetBackground): Promise<void> {
  const message = `${meetingWords(run)} Waiting for its end.`;
  writer.write({ v: 1, at: 0, type: "notice", level: "info", code: "background.awaited", message });
  while (await isAlive(host, run)) await host.clock.sleep(awaitMs, signal);
  await forgetBackground(host, stateDir);
}

async function end({ host, run, stateDir, signal, terminate }: MeetBackground): Promise<void> {
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
  await forgetBackground(host, stateDir);
}

async function close(
  writer: Writer,
  closing: Exclude<ClosingEvent, { type: "run.succeeded" }>,
): Promise<number> {
  writer.write({ v: 1, at: 0, ...closing });
  await writer.close();
  return closing.exitCode;
}
