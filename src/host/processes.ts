export interface RunRequest {
  readonly command: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Added to what every child of heros has. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Killed after this; `timedOut` is then true. */
  readonly timeoutMs?: number;
  readonly input?: string;
  readonly signal?: AbortSignal;
  /** Each line of either stream, as it comes. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

export interface RunResult {
  /** Null where the command was killed or could not be started. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** No such command on the PATH. */
  readonly missing: boolean;
}

export interface Processes {
  /**
   * Runs a command to its end. A status other than 0, a time-out and a missing command are results, not errors.
   * @throws AbortError when the signal fires.
   */
  run(request: RunRequest): Promise<RunResult>;
}

/** The real processes, by execa. `env` is what children inherit. */
export function realProcesses(env: Readonly<Record<string, string | undefined>>): Processes {
  return {
    async run({ command, args = [], cwd, env: extra, timeoutMs, input, signal, onLine }) {
      signal?.throwIfAborted();
      // Not before the first command: its import is a tenth of the time to the first frame.
      const [{ execa }, { createInterface }] = await Promise.all([
        import("execa"),
        import("node:readline"),
      ]);
      const child = execa(command, [...args], {
        reject: false,
        extendEnv: false,
        env: { ...env, ...extra },
        stripFinalNewline: false,
        maxBuffer: 64 * 1024 * 1024,
        forceKillAfterDelay: 1000,
        // The docker command starts plugins, which outlive it and hold its output open.
        killDescendants: true,
        ...(cwd === undefined ? {} : { cwd }),
        ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
        ...(input === undefined ? { stdin: "ignore" as const } : { input }),
        ...(signal === undefined ? {} : { cancelSignal: signal }),
      });
      if (onLine !== undefined) {
        createInterface({ input: child.stdout }).on("line", (line) => onLine(line, "stdout"));
        createInterface({ input: child.stderr }).on("line", (line) => onLine(line, "stderr"));
      }
      const result = await child;
      signal?.throwIfAborted();
      return {
        exitCode: result.exitCode ?? null,
        stdout: result.stdout,
        stderr: result.stderr,
        timedOut: result.timedOut,
        missing: result.code === "ENOENT",
      };
    },
  };
}

type Env = Readonly<Record<string, string | undefined>>;

/** Variables that hold a token. The environment of a process can be read by others, so no child of heros gets them. */
export const tokenVariables = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] as const;

/** The environment of every process that heros starts: its own, without tokens. */
export function childEnv(env: Env): Record<string, string | undefined> {
  const rest: Record<string, string | undefined> = { ...env };
  for (const name of tokenVariables) delete rest[name];
  return rest;
}
