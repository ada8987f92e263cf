import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { TimedEvent } from "../../src/run/event.ts";

const bin = fileURLToPath(new URL("../../bin/heros.js", import.meta.url));

export interface HerosRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON lines of stdout; fails where a line is none. */
  events(): TimedEvent[];
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Of the shell's `ulimit`: "-n 24". */
  readonly limit?: string;
  /** Name of a command of the sandbox that starts the program given to it. */
  readonly within?: string;
  /** Called with each piece of stdout. */
  readonly onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** A folder of its own with a HOME and a PATH in which the built program runs. */
export interface Sandbox {
  readonly dir: string;
  readonly home: string;
  /** What its programs have as PATH. */
  readonly path: string;
  /** Absolute path of a file with this content. */
  file(name: string, content: string): Promise<string>;
  /** Puts an executable shell script on the PATH, before the system's own. */
  command(name: string, script: string): Promise<void>;
  run(args: readonly string[], options?: RunOptions): Promise<HerosRun>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param systemPath what of the machine's own programs may be found; by default only perl and a shell, so that no docker and no GPU is there */
export async function makeSandbox(): Promise<Sandbox> {
  const dir = await mkdtemp(path.join(tmpdir(), "heros-cli-"));
  const home = path.join(dir, "home");
  const commands = path.join(dir, "bin");
  await mkdir(home);
  await mkdir(commands);
  const command = async (name: string, script: string) => {
    const file = path.join(commands, name);
    await writeFile(file, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
  };
  await command("perl", 'exec /usr/bin/perl "$@"');
  return {
    dir,
    home,
    path: commands,
    command,
    async file(name, content) {
      const file = path.join(dir, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, content);
      return file;
    },
    run: (args, { env = {}, limit, within, onOutput } = {}) =>
      new Promise((resolve, reject) => {
        const limited = ["/bin/sh", "-c", `ulimit ${limit} && exec "$@"`, "sh"];
        const starters = [
          ...(limit === undefined ? [] : limited),
          ...(within === undefined ? [] : [path.join(commands, within)]),
        ];
        const [program, ...words] = [...starters, process.execPath];
        const child = spawn(program, [...words, bin, ...args], {
          cwd: dir,
          env: { HOME: home, PATH: commands, LANG: "C.UTF-8", ...env },
          stdio: ["ignore", "pipe", "pipe"],
        });
        let stdout = "";
        let stderr = "";
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          stdout += text;
          onOutput?.(text, (signal) => child.kill(signal));
        });
        child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
        child.once("error", reject);
        child.once("close", (exitCode) => {
          const lines = () => stdout.split("\n").filter((line) => line !== "");
          resolve({
            exitCode,
            stdout,
            stderr,
            events: () => lines().map((line) => JSON.parse(line) as TimedEvent),
          });
        });
      }),
    async [Symbol.asyncDispose]() {
      // What a test killed may make one more file before it is gone.
      await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}
