import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** What one run took. */
export interface Cost {
  readonly wallMs: number;
  /** User and system time of all its processes that were waited for. */
  readonly cpuMs: number;
  /** VmHWM of its largest process, as often as it was looked at; 0 where it ended before. */
  readonly peakBytes: number;
}

/** What says that the benchmark is interrupted; every process that runs is ended then. */
export const interruption = new AbortController();

/** Starts a program whose standard output nobody reads, and waits for it. @throws Error unless it ends with 0 */
export async function runToEnd(file: string, args: readonly string[]): Promise<void> {
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "inherit"] });
  const [status] = (await once(child, "exit")) as [number | null];
  if (status !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${status}`);
}

/** The shell's own account of its children, as getrusage(2) has it. */
const accounted = 'log=$1; shift; "$@" >"$log" 2>&1; status=$?; times >&2; exit $status';

/** Runs a command with its output in `log`, and says what it took. @throws Error unless it ends with 0 */
export async function measure({ file, args, env }: Command, log: string): Promise<Cost> {
  const beganMs = performance.now();
  const shell = spawn("bash", ["-c", accounted, "bash", log, file, ...args], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let account = "";
  shell.stderr.on("data", (chunk) => (account += String(chunk)));
  const peaks = new Map<number, number>();
  const look = setInterval(() => notePeaks(shell.pid, peaks), 50);
  const kill = () => killGroup(shell.pid);
  interruption.signal.addEventListener("abort", kill);
  try {
    const [status] = (await once(shell, "close")) as [number | null];
    const wallMs = performance.now() - beganMs;
    interruption.signal.throwIfAborted();
    if (status !== 0) {
      const said = (await readFile(log, "utf8")).slice(-2000);
      throw new Error(`${file} ${args.join(" ")} ended with ${status}\n${said}`);
    }
    return { wallMs, cpuMs: childrenMs(account), peakBytes: Math.max(0, ...peaks.values()) };
  } finally {
    clearInterval(look);
    interruption.signal.removeEventListener("abort", kill);
  }
}

/** Runs a command whose output nobody reads. @returns how it ended; null by a signal */
export async function statusOf({ file, args, env }: Command): Promise<number | null> {
  const child = spawn(file, args, { env, stdio: "ignore", detached: true });
  const kill = () => killGroup(child.pid);
  interruption.signal.addEventListener("abort", kill);
  const [status] = (await once(child, "exit")) as [number | null];
  interruption.signal.removeEventListener("abort", kill);
  interruption.signal.throwIfAborted();
  return status;
}

/** Starts a command and ends it and all that it started with SIGKILL after that time. */
export async function killAfter({ file, args, env }: Command, afterMs: number): Promise<void> {
  const child = spawn(file, args, { env, stdio: "ignore", detached: true });
  const timer = setTimeout(() => killGroup(child.pid), afterMs);
  await once(child, "exit");
  clearTimeout(timer);
  interruption.signal.throwIfAborted();
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** The second line of `times`: 0m1.234s 0m0.567s */
function childrenMs(account: string): number {
  const [user, system] = (account.trim().split("\n")[1] ?? "").split(" ").map((text) => {
    const [minutes, seconds] = text.replace("s", "").split("m").map(Number);
    return ((minutes ?? 0) * 60 + (seconds ?? 0)) * 1000;
  });
  return (user ?? Number.NaN) + (system ?? Number.NaN);
}

/** Adds the peaks of a process's descendants, as far as they live at this moment. */
function notePeaks(pid: number | undefined, peaks: Map<number, number>): void {
  if (pid === undefined) return;
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${task}/children`, "utf8");
      for (const child of children.split(" ").filter((text) => text.trim() !== "")) {
        const status = readFileSync(`/proc/${child}/status`, "utf8");
        const kilobytes = /^VmHWM:\s+(\d+) kB/mu.exec(status)?.[1];
        // One that is ending has given its memory back and tells none.
        const peakBytes = Math.max(peaks.get(Number(child)) ?? 0, Number(kilobytes ?? 0) * 1024);
        peaks.set(Number(child), peakBytes);
        notePeaks(Number(child), peaks);
      }
    }
  } catch {
    // It has ended while we looked.
  }
}
