import { execFile, type ExecFileException, type ExecFileOptions } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { HerosEvent, TimedEvent } from "../../src/run/event.ts";

const program = fileURLToPath(new URL("../../bin/heros.js", import.meta.url));

export interface HerosRun {
  readonly exitCode: number;
  readonly events: readonly TimedEvent[];
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built program to its end, or until it is killed; every line of its stdout must be an event, and is shown as it is written. */
export async function runHeros(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onEvent: (event: TimedEvent) => void = () => undefined,
  killed?: AbortSignal,
): Promise<HerosRun> {
  const { error, stdout, stderr } = await execute(
    process.execPath,
    [program, ...args],
    { env, ...(killed === undefined ? {} : { signal: killed, killSignal: "SIGKILL" }) },
    (line) => onEvent(JSON.parse(line) as TimedEvent),
  );
  const events = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as TimedEvent);
  return {
    exitCode: typeof error?.code === "number" ? error.code : error === null ? 0 : -1,
    events,
    stdout,
    stderr,
  };
}

export function ofType<Type extends HerosEvent["type"]>(
  run: HerosRun,
  type: Type,
): Extract<TimedEvent, { type: Type }>[] {
  return run.events.filter(
    (event): event is Extract<TimedEvent, { type: Type }> => event.type === type,
  );
}

/** What docker says on stdout. @throws its error, with what it says on stderr */
export async function docker(args: readonly string[], cwd?: string): Promise<string> {
  const { error, stdout, stderr } = await execute("docker", args, cwd === undefined ? {} : { cwd });
  if (error !== null) throw new Error(`docker ${args.join(" ")}: ${stderr}`, { cause: error });
  return stdout;
}

interface Executed {
  readonly error: ExecFileException | null;
  readonly stdout: string;
  readonly stderr: string;
}

function execute(
  command: string,
  args: readonly string[],
  options: Pick<ExecFileOptions, "cwd" | "env" | "signal" | "killSignal">,
  onLine: (line: string) => void = () => undefined,
): Promise<Executed> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { ...options, maxBuffer: 64 * 1024 * 1024, timeout: 110_000 },
      (error, stdout, stderr) => resolve({ error, stdout, stderr }),
    );
    if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", onLine);
  });
}
