import {
  type ChildProcess,
  execFile,
  type ExecFileException,
  type ExecFileOptions,
} from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { HerosEvent, TimedEvent } from "../../src/run/event.ts";

const program = fileURLToPath(new URL("../../bin/heros.js", import.meta.url));

export interface HerosRun {
  /** -1 of a run that a signal ended. */
  readonly exitCode: number;
  readonly events: readonly TimedEvent[];
  readonly stdout: string;
  readonly stderr: string;
}

/** A run of the program that is under way. */
export interface HerosProcess {
  readonly ended: Promise<HerosRun>;
  kill(signal: NodeJS.Signals): void;
  /** The first event that fits, from the start of the run on. @throws where the run ends without one */
  until(fits: (event: TimedEvent) => boolean): Promise<TimedEvent>;
}

export interface HerosStart {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What starts it, in another program's hands: `setpriv …`. */
  readonly by?: readonly string[];
  readonly onEvent?: (event: TimedEvent) => void;
}

/** Starts the built program; every line of its stdout must be an event. */
export function startHeros({ args, env, by = [], onEvent }: HerosStart): HerosProcess {
  const seen: TimedEvent[] = [];
  const waiting = new Set<(event: TimedEvent) => void>();
  const [command = process.execPath, ...rest] = [...by, process.execPath, program, ...args];
  const { child, executed } = execute(command, rest, { env }, (line) => {
    const event = JSON.parse(line) as TimedEvent;
    seen.push(event);
    onEvent?.(event);
    for (const each of waiting) each(event);
  });
  const ended = executed.then(({ error, stdout, stderr }) => {
    const lines = stdout.split("\n").filter((line) => line !== "");
    const events = lines.map((line) => JSON.parse(line) as TimedEvent);
    const exitCode = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
    return { exitCode, events, stdout, stderr };
  });
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    async until(fits) {
      const known = seen.find(fits);
      if (known !== undefined) return known;
      const found = Promise.withResolvers<TimedEvent>();
      const look = (event: TimedEvent): void => {
        if (fits(event)) found.resolve(event);
      };
      waiting.add(look);
      const missed = ended.then(({ exitCode, events, stderr }) => {
        const last = JSON.stringify(events.at(-1));
        throw new Error(`heros ended with ${exitCode} before that: ${last} ${stderr}`);
      });
      return await Promise.race([found.promise, missed]).finally(() => waiting.delete(look));
    },
  };
}

/** Runs the built program to its end. */
export function runHeros(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onEvent: (event: TimedEvent) => void = () => undefined,
): Promise<HerosRun> {
  return startHeros({ args, env, onEvent }).ended;
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
export async function docker(
  args: readonly string[],
  cwd?: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const options = { env, ...(cwd === undefined ? {} : { cwd }) };
  const { error, stdout, stderr } = await execute("docker", args, options).executed;
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
  options: Pick<ExecFileOptions, "cwd" | "env">,
  onLine: (line: string) => void = () => undefined,
): { readonly child: ChildProcess; readonly executed: Promise<Executed> } {
  const { promise, resolve } = Promise.withResolvers<Executed>();
  const child = execFile(
    command,
    args,
    { ...options, maxBuffer: 64 * 1024 * 1024, timeout: 290_000 },
    (error, stdout, stderr) => resolve({ error, stdout, stderr }),
  );
  if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", onLine);
  return { child, executed: promise };
}
