import type { Host } from "../host/host.ts";
import { findRunning, type RunningInBackground } from "../record/find-running.ts";
import { backgroundDirOf } from "../record/state-dir.ts";
import type { BackgroundChoice } from "../run/run-control.ts";
import { errorCode } from "../run/failure.ts";
import type { Writer } from "../ui/writer.ts";
import { type HerosCommand, parseArguments } from "./parse-arguments.ts";
import { closingOf, exitCodeOf } from "./run-lifecycle.ts";

/** Whether the command's run can go on in the background: it fetches or waits, and its world outlives it. */
export function canDetach(command: HerosCommand): boolean {
  if (command.inBackground) return false;
  return command.name === "pull" || (command.name === "setup" && !command.dryRun);
}

/** The live run in the background that this command would get in the way of, or is to watch; null where there is none. */
export async function findRunningFor(
  host: Host,
  command: HerosCommand,
): Promise<RunningInBackground | null> {
  const watches = command.name === "status" && command.watch;
  if (!watches && !canDetach(command)) return null;
  const isDemo = command.name === "setup" && command.demo !== null;
  const stateDirs = (watches ? [false, true] : [isDemo]).map((demo) => backgroundDirOf(host, demo));
  return findRunning({ host, stateDirs, forgetEnded: !watches });
}

export interface AttachTo extends RunningInBackground {
  readonly command: HerosCommand;
  readonly host: Host;
  readonly writer: Writer;
  readonly signal: AbortSignal;
  /** From now on the run in the background is what is shown. */
  readonly onWatch: () => void;
}

/** @returns the exit status; null where the command is to go on, because that run has ended */
export async function attachTo(to: AttachTo): Promise<number | null> {
  const { host, run, stateDir, writer, signal, onWatch } = to;
  const choose = async () => {
    const choice = await choiceOf(to);
    if (choice === "watch") onWatch();
    return choice;
  };
  const show = writer.write.bind(writer);
  try {
    const { attach } = await import("../record/background-run.ts");
    const closing = await attach({ host, run, stateDir, signal, choose, show, terminate });
    if (closing === null) return null;
    await writer.close();
    return exitCodeOf(closing);
  } catch (error) {
    const closing = closingOf(error, { interrupted: false, resumeHint: "" });
    writer.write({ v: 1, at: 0, ...closing });
    await writer.close();
    return closing.exitCode;
  }
}

/** Where nobody can be asked it is watched if it does the same work, and otherwise waited for. */
async function choiceOf({
  command,
  run,
  writer,
  signal,
}: AttachTo): Promise<BackgroundChoice | "await"> {
  if (command.name === "status") return "watch";
  const unasked = command.name === "setup" && command.yes;
  if (!unasked && writer.meet !== undefined) return writer.meet(run, signal);
  return isSameWork(run.argv, command) ? "watch" : "await";
}

/** Whether the arguments ask for the same, however it is shown: its end is the end of this command too then. */
function isSameWork(argv: readonly string[], command: HerosCommand): boolean {
  try {
    const parsed = parseArguments(argv);
    return (
      parsed.kind === "command" &&
      JSON.stringify(workOf(parsed.command)) === JSON.stringify(workOf(command))
    );
  } catch {
    return false;
  }
}

function workOf(command: HerosCommand) {
  const { token: _token, ...questionFlags } = command.questionFlags;
  const { name, settingFlags, configFile } = command;
  const models = command.name === "pull" ? { models: command.models, all: command.all } : {};
  return { name, questionFlags, settingFlags, configFile, ...models };
}

/** Asks a process to stop, as Ctrl-C would; it may have ended by itself meanwhile. */
export function terminate(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}
