/** A run that goes on in the background. */
export interface BackgroundProcess {
  readonly command: string;
  readonly pid: number;
}

/** What a person wants with it: to look at it until it ends, to stop it and go on here, or to leave everything as it is. */
export type BackgroundChoice = "watch" | "stop" | "quit";

/** What was found. */
export function runningText({ command, pid }: BackgroundProcess): string {
  return `heros ${command} is at work already, in the background, as process ${pid}.`;
}
