import path from "node:path";
import type { Readable } from "node:stream";
import type { Host } from "../host/host.ts";
import { removeOfDead } from "../host/process-table.ts";
import type { RunResult } from "../host/processes.ts";
import { type Failure, isAbort } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { addressArguments, type SshAddress } from "./address.ts";
import { shellCommand } from "./shell-command.ts";
import { connectFailure, saidBySsh } from "./ssh-words.ts";

export interface ConnectRequest {
  readonly host: Host;
  readonly address: SshAddress;
  /** Somebody is there whom ssh may ask for a password, a passphrase, or whether the machine is known. */
  readonly interactive: boolean;
  readonly signal: AbortSignal;
  /** What ssh says while it connects: a banner, a key that wants to be touched. */
  readonly onSaid: (line: string) => void;
}

export interface RemoteRun {
  /** For any POSIX shell, as `shellCommand` takes it. */
  readonly script: string;
  /** Of variables of the script. They stand in a command line: no secrets. */
  readonly values?: Readonly<Record<string, string>>;
  readonly input?: string | Readable;
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /** Standard output is told by `onLine` alone. */
  readonly keepsNoOutput?: boolean;
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/** One login to another machine, over which all that is to be done there goes: what has to be asked is asked once. */
export interface Connection {
  readonly address: SshAddress;
  /**
   * Runs a script there. A status other than 0 is a result. What it starts ends when its standard input does.
   * @throws Failure `push.lost` (exit 5) where the connection is gone; AbortError
   */
  run(run: RemoteRun): Promise<RunResult>;
  /**
   * From now on a port of the other machine's loopback leads to this port of ours.
   * @returns that port
   * @throws Failure `push.no_forwarding` (exit 4), `push.lost` (exit 5); AbortError
   */
  forward(port: number): Promise<number>;
  /** Ends all that still runs there. */
  close(): Promise<void>;
}

/** ssh's own failures, whatever the command's status is: nothing that heros runs there ends with it. */
const sshFailed = 255;
const connected = "heros-connected";
/** The machine may be far away, and the person may type a password; nobody waits longer for a TCP connection. */
const connectSeconds = 20;
/** What another machine may say at most: in a line, and where its output is kept. */
export const bounds = { maxLineBytes: 1024 * 1024, maxOutputBytes: 4 * 1024 * 1024 } as const;

/**
 * Connects by ssh as the person does, with their configuration, keys, agent and known hosts.
 * @throws Failure `push.…` (2, 4, 5, 6); AbortError
 */
export async function connect(request: ConnectRequest): Promise<Connection> {
  const { host, address, interactive, signal, onSaid } = request;
  const folder = await makeSocketFolder(host);
  const socket = path.join(folder, "s").replaceAll("%", "%%");
  const ended = new AbortController();
  const isOver = AbortSignal.any([signal, ended.signal]);
  const opened = Promise.withResolvers<void>();
  const said: string[] = [];
  let isConnected = false;
  const master = host.processes.run({
    command: "ssh",
    args: [...asMaster, "-S", socket, ...options(interactive), ...addressArguments(address)],
    // The words that failures are known by.
    env: { LC_ALL: "C" },
    endsWithHeros: true,
    onTerminal: interactive,
    keepsNoOutput: true,
    ...bounds,
    signal: isOver,
    onLine(line, stream) {
      if (stream === "stdout" && line === connected) {
        isConnected = true;
        said.length = 0;
        opened.resolve();
      }
      if (stream === "stderr" && saidBySsh(said, line) && !isConnected) onSaid(line);
    },
  });
  const over = master.then(
    (result): RunResult | null => result,
    (error: unknown) => {
      if (isAbort(error)) return null;
      throw error;
    },
  );
  over.catch(() => {});

  async function close(): Promise<void> {
    ended.abort();
    await over.catch(() => {});
    await host.files.rm(folder, { recursive: true, force: true });
  }

  const lost = (cause?: unknown): Failure =>
    failure("push.lost", { host: address.host, said: said.at(-1) ?? null }, cause);

  /** ssh over the connection that there is: without it, it ends right away. */
  async function client(
    args: readonly string[],
    run: Omit<RemoteRun, "script" | "values">,
  ): Promise<RunResult> {
    const either = AbortSignal.any([run.signal, isOver]);
    try {
      return await host.processes.run({
        ...run,
        command: "ssh",
        args: ["-S", socket, "-o", "ProxyCommand=false", ...options(false), ...args],
        env: { LC_ALL: "C" },
        endsWithHeros: true,
        ...bounds,
        signal: either,
      });
    } catch (error) {
      run.signal.throwIfAborted();
      signal.throwIfAborted();
      throw isAbort(error) ? lost(error) : error;
    }
  }

  async function isAlive(): Promise<boolean> {
    const asked = { signal, timeoutMs: connectSeconds * 1000 };
    const { exitCode } = await client(["-O", "check", ...addressArguments(address)], asked);
    return exitCode === 0;
  }

  try {
    const first = await Promise.race([over, opened.promise]);
    signal.throwIfAborted();
    if (!isConnected) {
      const missing = typeof first === "object" && first?.missing === true;
      throw connectFailure({ address, missing, interactive, said });
    }
  } catch (error) {
    await close();
    throw error;
  }
  // Once it is gone, whoever waits for something there need not.
  void over.then(() => ended.abort()).catch(() => {});

  return {
    address,
    async run({ script, values = {}, ...run }) {
      const command = shellCommand(script, values);
      const result = await client([...addressArguments(address), command], run);
      if (result.exitCode === sshFailed) throw lost(result.stderr);
      return result;
    },
    async forward(port) {
      const ways = ["-O", "forward", "-R", `127.0.0.1:0:127.0.0.1:${port}`];
      const { exitCode, stdout, stderr } = await client([...ways, ...addressArguments(address)], {
        signal,
        timeoutMs: connectSeconds * 1000,
      });
      const found = /^(\d{1,5})\s*$/u.exec(stdout)?.[1];
      if (exitCode === 0 && found !== undefined) return Number(found);
      if (!(await isAlive())) throw lost(stderr);
      throw failure("push.no_forwarding", { address: address.typed }, stderr);
    },
    close,
  };
}

/** Only what heros asks for is forwarded. That the login succeeded is told by a command on this machine. */
const asMaster = `-M -N
-o ClearAllForwardings=yes -o ForwardAgent=no -o ForwardX11=no
-o PermitLocalCommand=yes
-o ServerAliveInterval=15 -o ServerAliveCountMax=4`
  .split(/\s+/u)
  .concat("-o", `LocalCommand=echo ${connected}`);

const always = `-T -o RequestTTY=no -o RemoteCommand=none -o EscapeChar=none
-o ControlPersist=no -o ConnectTimeout=${connectSeconds}`.split(/\s+/u);

function options(interactive: boolean): readonly string[] {
  return interactive ? always : [...always, "-o", "BatchMode=yes"];
}

/** The kernel allows 108 characters for the path of a socket, of which ssh takes 17 while it makes it. */
const longestFolder = 60;
const prefix = "heros-ssh-";

/** Only this user gets at it: whoever does is logged in there. */
async function makeSocketFolder({ env, files, pid }: Host): Promise<string> {
  const ownerOf = (name: string): string | null =>
    name.startsWith(prefix) ? (/^(\d+)-/u.exec(name.slice(prefix.length))?.[1] ?? null) : null;
  const named = [env["XDG_RUNTIME_DIR"] ?? "", env["TMPDIR"] ?? ""];
  const usable = named.filter((each) => path.isAbsolute(each) && each.length <= longestFolder);
  for (const place of usable) {
    const made = await files.mkdtemp(path.join(place, `${prefix}${pid}-`)).catch(() => null);
    if (made === null) continue;
    await removeOfDead(files, place, ownerOf);
    return made;
  }
  await removeOfDead(files, "/tmp", ownerOf);
  return files.mkdtemp(path.join("/tmp", `${prefix}${pid}-`));
}
