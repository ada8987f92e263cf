import type { Readable, Writable } from "node:stream";

export interface RunRequest {
  readonly command: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Added to what every child of heros has. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Killed after this; `timedOut` is then true. */
  readonly timeoutMs?: number;
  /** Killed once either stream is longer; `exitCode` is then null. Default 64 MiB. */
  readonly maxOutputBytes?: number;
  /** What it reads from its standard input. A stream is destroyed where the command ends before it does. */
  readonly input?: string | Readable;
  readonly signal?: AbortSignal;
  /** Killed by the kernel when heros is killed; where util-linux' `setpriv` is missing, it goes on. */
  readonly endsWithHeros?: boolean;
  /** Its standard output is told by `onLine` alone, however long it is: `stdout` stays "". */
  readonly keepsNoOutput?: boolean;
  /** Takes its standard output, no faster than it can: `stdout` stays "". Ended with it. */
  readonly output?: Writable;
  /** Each line of either stream, as it comes. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /** Killed once a line of either stream is longer; `exitCode` is then null. Default: the longest that there is room for. */
  readonly maxLineBytes?: number;
  /** It may ask on the terminal of heros: it stays in its session. What it starts in its turn is then not killed with it. */
  readonly onTerminal?: boolean;
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
  /**
   * Starts a process in a session of its own, which outlives this one.
   * @returns its id, once it runs
   * @throws Node's error where it can't be started
   */
  startDetached(request: DetachedRequest): Promise<number>;
  /** From now on, what others want of the cores comes before what this process, and those that it starts, want. Can't be undone. */
  giveWay(): Promise<void>;
}

export interface DetachedRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** File descriptors that take what it writes. */
  readonly stdout: number;
  readonly stderr: number;
  /** What it reads from its standard input; null where that is empty from the start. */
  readonly input: string | null;
  /** What it reads from `handoverDescriptor`. */
  readonly handover: string;
}

/** The file descriptor of a detached process from which it reads what no argument and no variable may hold. */
export const handoverDescriptor = 3;

const bindToParent = ["--pdeathsig", "KILL"];

/** The real processes, by execa. `env` is what children inherit. */
export function realProcesses(env: Readonly<Record<string, string | undefined>>): Processes {
  let bound: Promise<boolean> | null = null;
  const canBind = async (): Promise<boolean> =>
    (await run({ command: "setpriv", args: [...bindToParent, "true"] })).exitCode === 0;

  async function run({ cwd, env: extra, timeoutMs, maxOutputBytes, ...request }: RunRequest) {
    const { input, output, signal, onLine, maxLineBytes, onTerminal = false } = request;
    const { endsWithHeros = false } = request;
    const keepsNoOutput = request.keepsNoOutput === true || output !== undefined;
    signal?.throwIfAborted();
    const binds = endsWithHeros && (await (bound ??= canBind()));
    const given = [request.command, ...(request.args ?? [])];
    const [command = "", ...args] = binds ? ["setpriv", ...bindToParent, ...given] : given;
    // Not before the first command: its import is a tenth of the time to the first frame.
    const [{ execa }, { createInterface }] = await Promise.all([
      import("execa"),
      import("node:readline"),
    ]);
    const child = execa(command, args, {
      reject: false,
      extendEnv: false,
      env: { ...env, ...extra },
      stripFinalNewline: false,
      maxBuffer: maxOutputBytes ?? 64 * 1024 * 1024,
      forceKillAfterDelay: 1000,
      // The docker command starts plugins, which outlive it and hold its output open.
      killDescendants: !onTerminal,
      ...(keepsNoOutput ? { buffer: { stdout: false } } : {}),
      ...(cwd === undefined ? {} : { cwd }),
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
      ...(input === undefined ? { stdin: "ignore" as const } : { input }),
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    });
    if (onLine !== undefined) {
      createInterface({ input: child.stdout }).on("line", (line) => onLine(line, "stdout"));
      createInterface({ input: child.stderr }).on("line", (line) => onLine(line, "stderr"));
    }
    if (output !== undefined) child.stdout.pipe(output);
    if (maxLineBytes !== undefined) {
      for (const stream of [child.stdout, child.stderr]) {
        onLongLine(stream, maxLineBytes, () => child.kill("SIGKILL"));
      }
    }
    const result = await child;
    signal?.throwIfAborted();
    return {
      exitCode: result.exitCode ?? null,
      stdout: result.stdout ?? "",
      stderr: result.stderr,
      timedOut: result.timedOut,
      missing: result.code === "ENOENT",
    };
  }
  return {
    run,
    giveWay,
    async startDetached({ command, args, cwd, stdout, stderr, input, handover }) {
      const [{ spawn }, stream] = await Promise.all([
        import("node:child_process"),
        import("node:stream"),
      ]);
      const stdin = input === null ? "ignore" : "pipe";
      const child = spawn(command, args, {
        cwd,
        env,
        detached: true,
        stdio: [stdin, stdout, stderr, "pipe"],
      });
      await new Promise<void>((resolve, reject) => {
        child.once("error", reject).once("spawn", resolve);
      });
      const pipe = child.stdio[handoverDescriptor];
      if (pipe instanceof stream.Writable) feed(pipe, handover);
      if (child.stdin !== null) feed(child.stdin, input ?? "");
      child.unref();
      return child.pid ?? 0;
    },
  };
}

const lineEnd = 0x0a;

/** Where a line never ends, whoever collects it would run out of memory. */
function onLongLine(stream: Readable, maxBytes: number, listener: () => void): void {
  let bytes = 0;
  stream.on("data", (piece: Buffer | string) => {
    const read = typeof piece === "string" ? Buffer.from(piece) : piece;
    const end = read.lastIndexOf(lineEnd);
    bytes = end === -1 ? bytes + read.length : read.length - end - 1;
    if (bytes > maxBytes) listener();
  });
}

/** As nice(1) has it without a number. */
const niceness = 10;

/** Linux keeps it for each thread. */
async function giveWay(): Promise<void> {
  const [{ setPriority }, { readdir }] = await Promise.all([
    import("node:os"),
    import("node:fs/promises"),
  ]);
  for (const thread of await readdir("/proc/self/task").catch(() => ["0"])) {
    try {
      setPriority(Number(thread), niceness);
    } catch {
      // It has ended, or has a lower priority already.
    }
  }
}

function feed(pipe: Writable, text: string): void {
  // Where the other one ends before it reads, that is its own matter.
  pipe.on("error", () => undefined);
  pipe.end(text);
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
