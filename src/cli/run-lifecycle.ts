import path from "node:path";
import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";
import type { Host } from "../host/host.ts";
import type { RunLog } from "../record/write-record.ts";
import {
  type ClosingEvent,
  type Emit,
  type HerosEvent,
  isClosing,
  type TimedEvent,
} from "../run/event.ts";
import { named } from "../run/assistant.ts";
import type { RunStarted } from "../run/events/run.ts";
import { type ExitCode, exitCodes, Failure } from "../run/failure.ts";
import { diskFailure } from "../run/file-failure.ts";
import type { Writer } from "../ui/writer.ts";

export interface CommandRun {
  readonly host: Host;
  readonly writer: Writer;
  readonly log: RunLog;
  readonly signal: AbortSignal;
  /** What the run took before, where it goes on for another process. */
  readonly elapsedBeforeMs?: number;
  readonly crash?: Crash;
  /** Aborted right before the program ends: nothing is waited for any more. */
  readonly quit?: AbortSignal;
  readonly started: Omit<RunStarted, "type">;
  /** How to go on after an interruption. */
  readonly resumeHint: string;
  /** Where work that was interrupted is to go on elsewhere: how this program ends then; null where it is not. */
  readonly detach?: ((elapsedMs: number) => Promise<ClosingEvent | null>) | null;
  /** Does the work; what it returns are the sentences of the closing page, or null where the person chose to stop. */
  readonly work: (emit: Emit, elapsedMs: () => number) => Promise<readonly string[] | null>;
}

/** How long work may take to put away what it has once something was thrown behind its back. */
const settleMs = 3000;

/**
 * Runs a command from its first event to its one closing event, whatever the work does.
 * @returns the exit status
 */
export async function runCommand(run: CommandRun): Promise<number> {
  const {
    host,
    writer,
    log,
    signal,
    started,
    resumeHint,
    detach = null,
    work,
    crash = noCrash,
    quit,
    elapsedBeforeMs = 0,
  } = run;
  const startedAtMs = host.clock.monotonicMs() - elapsedBeforeMs;
  const elapsedMs = () => Math.round(host.clock.monotonicMs() - startedAtMs);
  let closed = false;
  let assistant: string | null = null;
  const emit = (event: HerosEvent) => {
    if (closed) return;
    closed = isClosing(event);
    if (event.type === "stack.chosen") assistant = event.assistant;
    const timed: TimedEvent = { v: 1, at: elapsedMs(), ...named(event, assistant) };
    log.write(timed);
    writer.write(timed);
  };

  let closing: ClosingEvent;
  emit({ type: "run.started", ...started });
  const onQuit = () => emit(closingOf(null, { interrupted: true, resumeHint }));
  quit?.addEventListener("abort", onQuit, { once: true });
  const working = (async () => work(emit, elapsedMs))();
  try {
    const summary = await Promise.race([working, crash.caught]);
    closing =
      summary === null
        ? {
            type: "run.cancelled",
            exitCode: exitCodes.interrupted,
            hint: started.demo
              ? "The demo is over. Only its own folder was changed."
              : "Nothing was changed.",
          }
        : { type: "run.succeeded", command: started.command, elapsedMs: elapsedMs(), summary };
  } catch (error) {
    if (crash.happened()) {
      await Promise.race([working.catch(() => {}), host.clock.sleep(settleMs)]);
      const thrown: unknown = await crash.caught.catch((first: unknown) => first);
      closing = closingOf(thrown, { interrupted: false, resumeHint });
    } else {
      const detached = signal.aborted && detach !== null ? await detach(elapsedMs()) : null;
      closing = detached ?? closingOf(error, { interrupted: signal.aborted, resumeHint });
    }
  }
  emit(closing);
  await Promise.all([writer.close(), log.close()]);
  return exitCodeOf(closing);
}

export function exitCodeOf(closing: ClosingEvent): ExitCode {
  return closing.type === "run.succeeded" ? exitCodes.done : closing.exitCode;
}

/** The closing event of work that threw. What is no `Failure`, and no trouble of a disk, is a bug of heros, and keeps its stack. */
export function closingOf(
  error: unknown,
  { interrupted, resumeHint }: { readonly interrupted: boolean; readonly resumeHint: string },
): Exclude<ClosingEvent, { type: "run.succeeded" }> {
  if (interrupted)
    return { type: "run.cancelled", exitCode: exitCodes.interrupted, hint: resumeHint };
  const failure = error instanceof Failure ? error : diskFailure(error);
  if (failure !== null) {
    const { code, message, hint, exitCode } = failure;
    return { type: "run.failed", code, message, hint, exitCode };
  }
  return {
    type: "run.failed",
    code: "bug",
    message: `This is a bug in heros: ${error instanceof Error ? error.message : String(error)}`,
    hint: "Please report it, with the newest file of ~/.local/state/heros/logs.",
    exitCode: exitCodes.failed,
    stack: error instanceof Error ? stackInSource(error.stack ?? error.message) : String(error),
  };
}

const frame = /(?<file>(?:file:\/\/)?\/[^\s():]+\.js):(?<line>\d+):(?<column>\d+)/gu;

/** The stack of a built program with the files and lines of its sources; a frame that has no source map stays as it is. */
export function stackInSource(stack: string): string {
  const maps = new Map<string, SourceMap | null>();
  return stack.replaceAll(frame, (text: string, file: string, line: string, column: string) => {
    const built = file.startsWith("file:") ? fileURLToPath(file) : file;
    const map = maps.get(built) ?? readMap(built);
    maps.set(built, map);
    const found = map?.findEntry(Number(line) - 1, Number(column) - 1);
    if (found === undefined || !("originalSource" in found)) return text;
    const source = path.resolve(path.dirname(built), found.originalSource);
    // The build is two folders below the root.
    const shown = path.relative(path.resolve(path.dirname(built), "../.."), source);
    return `${shown}:${found.originalLine + 1}:${found.originalColumn + 1}`;
  });
}

function readMap(built: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${built}.map`, "utf8")) as SourceMapPayload);
  } catch {
    return null;
  }
}

/** What was thrown where nobody waits for it: in a timer, by a stream, in a promise that was left alone. */
export interface Crash {
  /** Rejects with the first of it; never resolves. */
  readonly caught: Promise<never>;
  readonly happened: () => boolean;
}

type ProcessEvents = Pick<NodeJS.Process, "on">;

/** From now on the program ends by its own closing record, not by Node's stack. What is thrown after the first is the first one's wake. */
export function watchForCrash(events: ProcessEvents): Crash {
  const { promise: caught, reject } = Promise.withResolvers<never>();
  let crashed = false;
  const note = (error: unknown): void => {
    crashed = true;
    reject(error);
  };
  caught.catch(() => {});
  events.on("uncaughtException", note).on("unhandledRejection", note);
  return { caught, happened: () => crashed };
}

/** Nothing watches. */
export const noCrash: Crash = { caught: new Promise(() => {}), happened: () => false };

/** A stopped process sees neither pass: both are long over when it goes on. */
const unstoppableMs = 150;

/**
 * Stops this process: at Ctrl-Z with its group, as the terminal does, so that a script that started heros stops with it.
 * Resolves when it goes on. Where nobody could bring it back (an orphaned process group) the system ignores the signal:
 * then it resolves at once.
 */
export function suspendProcess(whom: "group" | "program"): Promise<void> {
  // Whoever hears the signal keeps the system from acting on it.
  const listeners = process.listeners("SIGTSTP");
  process.removeAllListeners("SIGTSTP");
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      process.off("SIGCONT", done);
      for (const listener of listeners) process.on("SIGTSTP", listener);
      resolve();
    };
    const timer = setTimeout(done, unstoppableMs);
    process.on("SIGCONT", done);
    process.kill(whom === "group" ? 0 : process.pid, "SIGTSTP");
  });
}

/** Hears `kill -TSTP`: what listens gives the terminal back, then suspends the program. @returns what ends it */
export function onSuspendAsked(listener: () => void): () => void {
  process.on("SIGTSTP", listener);
  return () => void process.off("SIGTSTP", listener);
}
