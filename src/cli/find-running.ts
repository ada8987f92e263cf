import type { Host } from "../host/host.ts";
import type { BackgroundRun } from "../record/background.ts";
import { backgroundFile } from "../record/background-file.ts";
import { backgroundDirOf } from "./app-files.ts";
import type { HerosCommand } from "./program.ts";

/** Whether the command's run can be left to a process in the background: it fetches or waits, and its world outlives it. */
export function mayLeave(command: HerosCommand): boolean {
  if (command.inBackground) return false;
  return command.name === "pull" || (command.name === "setup" && !command.dryRun);
}

/** A run that goes on in the background, and where it is remembered. */
export interface RunningInBackground {
  readonly run: BackgroundRun;
  readonly stateDir: string;
}

/**
 * The live run in the background that this command meets: one that it would get in the way of, or one that it is to
 * watch. What is left of a run that has ended is forgotten by the next one.
 */
export async function findRunning(
  host: Host,
  command: HerosCommand,
): Promise<RunningInBackground | null> {
  const watches = command.name === "status" && command.watch;
  if (!watches && !mayLeave(command)) return null;
  const isDemo = command.name === "setup" && command.demo !== null;
  const met = await meetIn(host, backgroundDirOf(host, isDemo), watches);
  return met === null && watches ? meetIn(host, backgroundDirOf(host, true), true) : met;
}

async function meetIn(
  host: Host,
  stateDir: string,
  watches: boolean,
): Promise<RunningInBackground | null> {
  const there = await host.files.access(backgroundFile(stateDir)).then(
    () => true,
    () => false,
  );
  if (!there) return null;
  const { forgetBackground, isAlive, recallBackground } = await import("../record/background.ts");
  const run = await recallBackground(host, stateDir);
  if (run !== null && (await isAlive(host, run))) return { run, stateDir };
  if (!watches) await forgetBackground(host, stateDir);
  return null;
}
