import path from "node:path";
import type { Host } from "../host/host.ts";
import type { ClosingEvent } from "../run/event.ts";
import { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import {
  type BackgroundRun,
  forgetBackground,
  isAlive,
  processMarks,
  rememberBackground,
} from "./background-run.ts";
import {
  type Continuation,
  type DetachRequest,
  formatHandover,
  inBackgroundFlag,
} from "./handover.ts";
import { recordsDir } from "./state-dir.ts";

export interface Detach {
  readonly host: Host;
  readonly request: DetachRequest;
  /** What starts heros: Node, its own arguments, and the entry. */
  readonly program: Program;
  readonly command: "setup" | "pull";
  /** As this program was started with. */
  readonly argv: readonly string[];
  /** What the run has taken so far. */
  readonly elapsedMs: number;
  /** Where the run in the background is remembered. */
  readonly stateDir: string;
  /** Asks a process to stop. */
  readonly terminate: (pid: number) => void;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

/** Hands a run that has stopped to a process in the background. @returns how this program ends */
export async function detachRun(detach: Detach): Promise<ClosingEvent> {
  const { host, request, command, elapsedMs } = detach;
  const continuation = await request.continuation();
  const { countedFromMs = 0, demo = null } = continuation;
  const counted = Math.max(0, elapsedMs - countedFromMs);
  try {
    const { pid } = await startBackground({ ...detach, elapsedMs: counted }, continuation);
    const kept =
      demo === null ? "Everything downloaded is kept." : "The demo then leaves nothing behind.";
    return {
      type: "run.succeeded",
      command,
      elapsedMs,
      summary: [
        "You can close this terminal.",
        "To follow it: heros status --watch",
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

/** Node and heros are up within a second; a machine that is busy takes longer. */
const startLimitMs = 15_000;
const lookMs = 20;

/**
 * Starts the same command as a process in a session of its own, without a terminal, with its events in a record, and
 * resolves once it has told the first.
 * @throws Failure `background.not_started` (exit 1)
 */
async function startBackground(detach: Detach, continuation: Continuation): Promise<BackgroundRun> {
  const { host, command, stateDir, terminate } = detach;
  const argv = [...detach.argv];
  const folder = recordsDir(stateDir);
  const startedAt = host.clock.now().toISOString();
  const record = path.join(folder, `${startedAt.replaceAll(":", "-")}-${command}-background.jsonl`);
  try {
    await host.files.mkdir(folder, { recursive: true, mode: 0o700 });
    await using events = await host.files.open(record, "ax", 0o600);
    const errorsFile = path.join(folder, "background-errors.txt");
    await using errors = await host.files.open(errorsFile, "w", 0o600);
    const pid = await launch(detach, continuation, { stdout: events.fd, stderr: errors.fd });
    const marks = await processMarks(host, pid);
    const run = { pid, startTicks: "", bootId: "", ...marks, command, argv, startedAt, record };
    // Before its first word: whoever ends this program now still finds that one.
    await rememberBackground(host, stateDir, run);
    const began = async () => (await events.stat()).size > 0;
    if (await hasBegun(host, run, began)) return run;
    terminate(pid);
    await forgetBackground(host, stateDir);
    throw new Error(`it ended before its first word; see ${folder}`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw failure("background.not_started", { command, reason }, cause);
  }
}

function launch(
  { host, program, argv, elapsedMs }: Detach,
  { flags, token, demo }: Continuation,
  output: { readonly stdout: number; readonly stderr: number },
): Promise<number> {
  const own = [...flags, "--output", "json", inBackgroundFlag];
  const fed = token === null ? [] : ["--token-file", "-"];
  // After what was typed, so that these count; but before a "--", after which there are only names.
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const args = [...argv.slice(0, end), ...own, ...fed, ...argv.slice(end)];
  return host.processes.startDetached({
    command: program.command,
    args: [...program.args, ...args],
    cwd: host.cwd,
    ...output,
    input: token === null ? null : token === "none" ? "" : token.reveal(),
    handover: formatHandover({ env: host.env, elapsedMs, demo: demo ?? null }),
  });
}

/** False where it ended or hangs before its first word. */
async function hasBegun(
  host: Host,
  run: BackgroundRun,
  began: () => Promise<boolean>,
): Promise<boolean> {
  const limitMs = host.clock.monotonicMs() + startLimitMs;
  while (!(await began())) {
    if (host.clock.monotonicMs() > limitMs || !(await isAlive(host, run))) return began();
    await host.clock.sleep(lookMs);
  }
  return true;
}
