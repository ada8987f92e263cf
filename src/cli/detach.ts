import { spawn } from "node:child_process";
import { mkdir, open } from "node:fs/promises";
import path from "node:path";
import { Writable } from "node:stream";
import type { Host } from "../host/host.ts";
import { childEnv } from "../host/processes.ts";
import {
  type BackgroundRun,
  forgetBackground,
  isAlive,
  processMarks,
  rememberBackground,
} from "../record/background.ts";
import type { ClosingEvent } from "../run/event.ts";
import { exitCodes, Failure } from "../run/failure.ts";
import type { Secret } from "../run/secret.ts";
import { shippedPath } from "./app-files.ts";
import { askToStop, handedDescriptor, handOver, type LeftDemo } from "./handed.ts";
import type { Leaving } from "./leaving.ts";
import { inBackgroundFlag } from "./options.ts";

export interface Detach {
  readonly host: Host;
  readonly leaving: Leaving;
  readonly nodePath: string;
  readonly command: "setup" | "pull";
  readonly argv: readonly string[];
  readonly elapsedMs: number;
  readonly stateDir: string;
}

/** Hands a run that has stopped to a process in the background. @returns how this program ends */
export async function detachRun(leave: Detach): Promise<ClosingEvent> {
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

export interface BackgroundStart {
  readonly host: Host;
  readonly nodePath: string;
  readonly command: "setup" | "pull";
  /** As this program was started with. */
  readonly argv: readonly string[];
  /** Flags of what was answered since. */
  readonly flags: readonly string[];
  /** Goes through a pipe; null where the other process finds the same by itself, "none" where it must use none. */
  readonly token: Secret | "none" | null;
  /** What the run has taken so far. */
  readonly elapsedMs: number;
  readonly demo: LeftDemo | null;
  /** Where the run in the background is remembered. */
  readonly stateDir: string;
}

/** Node and heros are up within a second; a machine that is busy takes longer. */
const startLimitMs = 15_000;
const lookMs = 20;

/**
 * Starts the same command as a process in a session of its own, without a terminal, with its events in a record, and
 * resolves once it has told the first.
 * @throws Failure `background.not_started` (exit 1)
 */
export async function startBackground(start: BackgroundStart): Promise<BackgroundRun> {
  const { host, command, stateDir } = start;
  const argv = [...start.argv];
  const logs = path.join(stateDir, "logs");
  const startedAt = host.clock.now().toISOString();
  const record = path.join(logs, `${startedAt.replaceAll(":", "-")}-${command}-background.jsonl`);
  try {
    await mkdir(logs, { recursive: true, mode: 0o700 });
    await using events = await open(record, "ax", 0o600);
    await using errors = await open(path.join(logs, "background-errors.txt"), "w", 0o600);
    const pid = await launch(start, { events: events.fd, errors: errors.fd });
    const marks = await processMarks(host, pid);
    const run = { pid, startTicks: "", bootId: "", ...marks, command, argv, startedAt, record };
    // Before its first word: whoever ends this program now still finds that one.
    await rememberBackground(host, stateDir, run);
    const began = async () => (await events.stat()).size > 0;
    if (await hasBegun(host, run, began)) return run;
    askToStop(pid);
    await forgetBackground(host, stateDir);
    throw new Error(`it ended before its first word; see ${logs}`);
  } catch (cause) {
    throw new Failure({
      code: "background.not_started",
      message: `heros could not be left in the background: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: `Nothing is lost. Run heros ${command} again: it goes on where it stopped.`,
      exitCode: exitCodes.failed,
      cause,
    });
  }
}

function launch(
  { host, nodePath, argv, flags, token, elapsedMs, demo }: BackgroundStart,
  { events, errors }: { readonly events: number; readonly errors: number },
): Promise<number> {
  const own = [...flags, "--output", "json", inBackgroundFlag];
  const fed = token === null ? [] : ["--token-file", "-"];
  // After what was typed, so that these count; but before a "--", after which there are only names.
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const args = [...argv.slice(0, end), ...own, ...fed, ...argv.slice(end)];
  return new Promise((resolve, reject) => {
    const child = spawn(nodePath, [...process.execArgv, shippedPath("bin/heros.js"), ...args], {
      cwd: host.cwd,
      env: childEnv(host.env),
      detached: true,
      stdio: [token === null ? "ignore" : "pipe", events, errors, "pipe"],
    });
    child.once("error", reject);
    // Where it ended before it read, its record says why.
    child.stdin?.on("error", () => undefined);
    const handed = child.stdio[handedDescriptor];
    child.once("spawn", () => {
      if (handed instanceof Writable) handOver(handed, { env: host.env, elapsedMs, demo });
      child.stdin?.end(token === null || token === "none" ? "" : token.reveal());
      child.unref();
      resolve(child.pid ?? 0);
    });
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
