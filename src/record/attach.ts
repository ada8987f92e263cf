import type { Host } from "../host/host.ts";
import { type BackgroundChoice, runningText } from "../run/run-control.ts";
import { type ClosingEvent, isClosing, type TimedEvent } from "../run/event.ts";
import { exitCodes } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { type BackgroundRun, forgetBackground, isAlive } from "./background-run.ts";
import { followRecord } from "./read-record.ts";

export interface Attach {
  readonly host: Host;
  readonly run: BackgroundRun;
  /** Where it is remembered. */
  readonly stateDir: string;
  readonly signal: AbortSignal;
  /** Look at it, stop it and go on here, leave everything as it is, or wait for its end. */
  readonly choose: () => Promise<BackgroundChoice | "await">;
  readonly show: (event: TimedEvent) => void;
  /** Asks a process to stop. */
  readonly terminate: (pid: number) => void;
}

const stopLimitMs = 30_000;
const lookMs = 50;
const awaitMs = 500;

/**
 * Shows the run in the background from its record until it ends, stops it, or leaves everything as it is. An interruption
 * leaves it alone.
 * @returns the closing event, shown; null where the command is to go on, because that run has ended
 * @throws Failure `background.still_running` (exit 1)
 */
export async function attach(request: Attach): Promise<ClosingEvent | null> {
  const { run, signal, show } = request;
  try {
    switch (await request.choose()) {
      case "watch":
        return await follow(request);
      case "stop":
        await stop(request);
        return null;
      case "await":
        await awaitEnd(request);
        return null;
      case "quit":
        return close(lookedAway(run));
    }
  } catch (error) {
    if (signal.aborted) return close(lookedAway(run));
    throw error;
  }

  function close(closing: ClosingEvent): ClosingEvent {
    show({ v: 1, at: 0, ...closing });
    return closing;
  }
}

async function follow({ host, run, signal, show }: Attach): Promise<ClosingEvent> {
  let at = 0;
  const isWritten = (): Promise<boolean> => isAlive(host, run);
  for await (const event of followRecord({ host, record: run.record, isWritten, signal })) {
    ({ at } = event);
    show(event);
    if (isClosing(event)) return event;
  }
  const closing = signal.aborted ? lookedAway(run) : lost(run);
  show({ v: 1, at, ...closing });
  return closing;
}

/** Other work comes first; two runs would fetch in each other's way. */
async function awaitEnd({ host, run, stateDir, signal, show }: Attach): Promise<void> {
  const message = `${runningText(run)} Waiting for it to finish.`;
  show({ v: 1, at: 0, type: "notice", level: "info", code: "background.awaited", message });
  while (await isAlive(host, run)) await host.clock.sleep(awaitMs, signal);
  await forgetBackground(host, stateDir);
}

async function stop({ host, run, stateDir, signal, terminate }: Attach): Promise<void> {
  terminate(run.pid);
  const limitMs = host.clock.monotonicMs() + stopLimitMs;
  while (await isAlive(host, run)) {
    if (host.clock.monotonicMs() > limitMs) throw failure("background.still_running", run);
    await host.clock.sleep(lookMs, signal);
  }
  await forgetBackground(host, stateDir);
}

/** How it ends where the person does not want to look any longer, or not at all. */
function lookedAway({ pid }: BackgroundRun): ClosingEvent {
  return {
    type: "run.cancelled",
    exitCode: exitCodes.interrupted,
    hint: "To follow it again: heros status --watch",
    background: { pid },
  };
}

function lost(run: BackgroundRun): ClosingEvent {
  const { code, message, hint, exitCode } = failure("background.lost", run);
  return { type: "run.failed", code, message, hint, exitCode };
}
