import type { Host } from "../host/host.ts";
import { type BackgroundRun, forgetBackground, isAlive } from "../record/background.ts";
import { tailRecord } from "../record/read.ts";
import { type ClosingEvent, isClosing } from "../run/event.ts";
import { exitCodes, Failure } from "../run/failure.ts";
import { type BackgroundChoice, runningText } from "../run/background.ts";
import type { Writer } from "../ui/writer.ts";
import { type HerosCommand, parseArguments } from "./program.ts";
import { closingOf } from "./run-command.ts";

export interface Attach {
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
export async function attach(meet: Attach): Promise<number | null> {
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
    return await closeUnmet(writer, lookedAway(run));
  } catch (error) {
    if (signal.aborted) return closeUnmet(writer, lookedAway(run));
    return closeUnmet(writer, closingOf(error, { interrupted: false, resumeHint: "" }));
  }
}

async function choose({
  command,
  run,
  writer,
  signal,
}: Attach): Promise<BackgroundChoice | "await"> {
  if (command.name === "status") return "watch";
  const unasked = command.name === "setup" && command.yes;
  if (!unasked && writer.meet !== undefined) return writer.meet(run, signal);
  return isOfCommand(run, command) ? "watch" : "await";
}

/** Its end is the end of this command too, for it does the same. */
function isOfCommand(run: BackgroundRun, command: HerosCommand): boolean {
  try {
    const parsed = parseArguments(run.argv);
    return parsed.kind === "command" && isSameRequest(parsed.command, command);
  } catch {
    return false;
  }
}

/** Other work comes first; two runs would fetch in each other's way. */
async function awaitEnd({ host, run, stateDir, writer, signal }: Attach): Promise<void> {
  const message = `${runningText(run)} Waiting for its end.`;
  writer.write({ v: 1, at: 0, type: "notice", level: "info", code: "background.awaited", message });
  while (await isAlive(host, run)) await host.clock.sleep(awaitMs, signal);
  await forgetBackground(host, stateDir);
}

async function end({ host, run, stateDir, signal, terminate }: Attach): Promise<void> {
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

async function closeUnmet(
  writer: Writer,
  closing: Exclude<ClosingEvent, { type: "run.succeeded" }>,
): Promise<number> {
  writer.write({ v: 1, at: 0, ...closing });
  await writer.close();
  return closing.exitCode;
}

/** Whether two commands ask for the same work, however they show it. */
export function isSameRequest(one: HerosCommand, other: HerosCommand): boolean {
  return JSON.stringify(workOf(one)) === JSON.stringify(workOf(other));
}

function workOf(command: HerosCommand) {
  const { token: _token, ...questionFlags } = command.questionFlags;
  const { name, settingFlags, configFile } = command;
  const models = command.name === "pull" ? { models: command.models, all: command.all } : {};
  return { name, questionFlags, settingFlags, configFile, ...models };
}

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
