import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";

/** A real systemd of a user's own, which a test may start as often as the user's machine starts. */
export interface UserSystemd {
  /** Of a shell of that user. */
  readonly env: { readonly HOME: string; readonly XDG_RUNTIME_DIR: string };
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What `systemctl --user` says on stdout, whatever its status. */
  ask(...args: readonly string[]): Promise<string>;
  /** What is wrong with a unit's file; nothing where all is right. */
  verify(file: string): Promise<string>;
}

const run = promisify(execFile);

/** Where systemd did not start the machine, a container among them, it takes this for a sign that it did. */
const asBooted =
  "[ -d /run/systemd/system ] || { mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/system; }";

/** In a mount namespace of its own, so that nobody else sees that sign. Needs root. */
export function userSystemd(home: string): UserSystemd {
  const runtime = path.join(home, "run");
  const env = { HOME: home, XDG_RUNTIME_DIR: runtime };
  const own = { env: { PATH: "/usr/local/bin:/usr/bin:/bin", ...env } };
  let child: ChildProcess | null = null;
  const said = async (command: string, args: readonly string[]): Promise<string> => {
    const failed = (error: { readonly stdout?: string; readonly stderr?: string }) => error;
    const { stdout = "", stderr = "" } = await run(command, args, own).catch(failed);
    return `${stdout}${command === "systemctl" ? "" : stderr}`.trim();
  };
  const ask: UserSystemd["ask"] = (...args) => said("systemctl", ["--user", ...args]);
  const stop = async (): Promise<void> => {
    if (child === null || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  };
  onTestFinished(stop);
  return {
    env,
    ask,
    stop,
    verify: (file) => said("systemd-analyze", ["verify", "--user", file]),
    async start() {
      await mkdir(runtime, { recursive: true, mode: 0o700 });
      const script = `${asBooted} && exec /usr/lib/systemd/systemd --user`;
      child = spawn("unshare", ["--mount", "sh", "-c", script], { ...own, stdio: "ignore" });
      await expect.poll(() => ask("is-active", "default.target")).toBe("active");
    },
  };
}
