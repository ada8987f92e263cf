import { isThere } from "../host/places.ts";
import type { Host } from "../host/host.ts";
import type { BackgroundProcess } from "../run/run-control.ts";
import type { BackgroundRun } from "./background-run.ts";
import { backgroundDirOf, backgroundFile } from "./state-dir.ts";

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

/** All that goes on in the background, a demo too, each by what it was started as. */
export async function listRunning(host: Host): Promise<readonly BackgroundProcess[]> {
  const found = await Promise.all(
    [false, true].map(async (demo) => {
      const stateDirs = [backgroundDirOf(host, demo)];
      const running = await findRunning({ host, stateDirs, forgetEnded: false });
      if (running === null) return [];
      const { command, pid } = running.run;
      return [{ command: demo ? `${command} --demo` : command, pid }];
    }),
  );
  return found.flat();
}
