import type { Host } from "../host/host.ts";
import type { ClosingEvent } from "../progress/event.ts";
import { Failure } from "../progress/failure.ts";
import type { Leaving } from "./leaving.ts";
import { startBackground } from "./start-background.ts";

export interface LeaveRun {
  readonly host: Host;
  readonly leaving: Leaving;
  readonly nodePath: string;
  readonly command: "setup" | "pull";
  readonly argv: readonly string[];
  readonly elapsedMs: number;
  readonly stateDir: string;
}

/** Hands a run that has stopped to a process in the background. @returns how this program ends */
export async function leaveRun(leave: LeaveRun): Promise<ClosingEvent> {
  const { host, leaving, command, elapsedMs } = leave;
  const { countedFromMs = 0, demo = null, ...settled } = await leaving.settled();
  const counted = Math.max(0, elapsedMs - countedFromMs);
  try {
    const { pid } = await startBackground({ ...leave, ...settled, elapsedMs: counted, demo });
    const kept =
      demo === null ? "What is downloaded is kept." : "Nothing of the demo is left then.";
    return {
      type: "run.succeeded",
      command,
      elapsedMs,
      summary: [
        "You can close this terminal.",
        "To come back to it: heros status --watch",
        `To stop it: press s there, or kill ${pid}. ${kept}`,
      ],
      background: { pid },
    };
  } catch (error) {
    if (demo !== null) await host.files.rm(demo.folder, { recursive: true, force: true });
    if (!(error instanceof Failure)) throw error;
    const { code, message, hint, exitCode } = error;
    return { type: "run.failed", code, message, hint, exitCode };
  }
}
