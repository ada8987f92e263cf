import type { Host } from "../host/host.ts";
import type { BackgroundRun } from "./background-run.ts";
import { backgroundFile } from "./state-dir.ts";

/** A run that goes on in the background, and where it is remembered. */
export interface RunningInBackground {
  readonly run: BackgroundRun;
  readonly stateDir: string;
}

export interface FindRunning {
  readonly host: Host;
  /** Where it may be remembered, the likeliest first. */
  readonly stateDirs: readonly string[];
  /** Whether what is left of a run that has ended is to be forgotten. */
  readonly forgetEnded: boolean;
}

/** The live run in the background; null where there is none. Every start of heros asks, so what reads the file is loaded only where there is one. */
export async function findRunning(find: FindRunning): Promise<RunningInBackground | null> {
  const { host, stateDirs, forgetEnded } = find;
  for (const stateDir of stateDirs) {
    if (!(await isThere(host, backgroundFile(stateDir)))) continue;
    const { forgetBackground, isAlive, recallBackground } = await import("./background-run.ts");
    const run = await recallBackground(host, stateDir);
    if (run !== null && (await isAlive(host, run))) return { run, stateDir };
    if (forgetEnded) await forgetBackground(host, stateDir);
  }
  return null;
}

function isThere({ files }: Host, file: string): Promise<boolean> {
  return files.access(file).then(
    () => true,
    () => false,
  );
}
