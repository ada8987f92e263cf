/** Whether a person wants the download to rest. Whoever reads the keys turns it, and the download looks at it. */
export interface PauseSwitch {
  isPaused(): boolean;
  toggle(): void;
}

export function createPauseSwitch(): PauseSwitch {
  let paused = false;
  return {
    isPaused: () => paused,
    toggle() {
      paused = !paused;
    },
  };
}

/** A run in the background. */
export interface BackgroundProcess {
  readonly command: string;
  readonly pid: number;
}

/** What to do with it: watch it until it ends, stop it and continue here, or leave it running. */
export type BackgroundChoice = "watch" | "stop" | "quit";

/** What was found. */
export function runningText({ command, pid }: BackgroundProcess): string {
  return `heros ${command} is already running in the background (PID ${pid}).`;
}
