import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "../host/free-port.ts";

export interface Sshd {
  readonly port: number;
  close(): Promise<void>;
}

/** What test/agreement/push.sh has made: the program of the server, and users that only this mount namespace knows. */
export function fromScript(name: "SSHD" | "FAR_HOME" | "FAR_NODE"): string {
  const value = process.env[name];
  if (value === undefined) throw new Error("start this by test/agreement/push.sh");
  return value;
}

/** Keys, and an `ssh` for the PATH that has a configuration of its own and knows the server by the name of its user. */
export class SshWorld {
  readonly folder: string;
  readonly bin: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.bin = join(folder, "bin");
  }

  static async make(folder: string): Promise<SshWorld> {
    const world = new SshWorld(folder);
    await mkdir(world.bin, { recursive: true });
    for (const name of ["key", "host", "other"]) world.makeKey(name, "");
    world.makeKey("locked", passphrase);
    const ssh = `#!/bin/sh\nexec /usr/bin/ssh -F '${join(folder, "config")}' "$@"\n`;
    await writeFile(join(world.bin, "ssh"), ssh);
    await chmod(join(world.bin, "ssh"), 0o755);
    return world;
  }

  private makeKey(name: string, phrase: string): void {
    const args = ["-q", "-t", "ed25519", "-N", phrase, "-f", join(this.folder, name)];
    execFileSync("ssh-keygen", args);
  }

  /** A server that is waited for, with these lines of configuration before all others. */
  async serve({ lines = [], hostKey = "host" }: ServeOptions = {}): Promise<Sshd> {
    const port = await freePort();
    const file = join(this.folder, `sshd-${port}`);
    const config = [
      ...lines,
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${join(this.folder, hostKey)}`,
      `AuthorizedKeysFile ${join(this.folder, "key.pub")} ${join(this.folder, "locked.pub")}`,
      "StrictModes no",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "UsePAM no",
      "PidFile none",
    ];
    await writeFile(file, `${config.join("\n")}\n`);
    const child = spawn(fromScript("SSHD"), ["-D", "-e", "-f", file], { stdio: "ignore" });
    await answering(port, child);
    return {
      port,
      async close() {
        child.kill();
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      },
    };
  }

  /** From now on, `name` is this server. */
  async configure(
    name: string,
    port: number,
    { lines = [], key = "key" }: Client = {},
  ): Promise<void> {
    const config = [
      `Host ${name}`,
      ...lines,
      "HostName 127.0.0.1",
      `Port ${port}`,
      "User far",
      `IdentityFile ${join(this.folder, key)}`,
      "IdentitiesOnly yes",
      `UserKnownHostsFile ${join(this.folder, "known")}`,
      "StrictHostKeyChecking yes",
    ];
    await writeFile(join(this.folder, "config"), `${config.join("\n")}\n`);
    const host = await readFile(join(this.folder, "host.pub"), "utf8");
    await writeFile(join(this.folder, "known"), `[127.0.0.1]:${port} ${host}`);
  }
}

/** Of the key called `locked`. */
export const passphrase = "open sesame";

interface Client {
  /** Of the configuration, before all others. */
  readonly lines?: readonly string[];
  readonly key?: "key" | "other" | "locked";
}

interface ServeOptions {
  readonly lines?: readonly string[];
  readonly hostKey?: string;
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const isUp = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isUp) return;
    if (child.exitCode !== null) throw new Error(`sshd ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The command lines of what runs as the user of the other machine, but for the server's own. */
export async function farProcesses(uid = 4242): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/u.test(name)) continue;
    const status = await readFile(`/proc/${name}/status`, "utf8").catch(() => "");
    if (!status.includes(`\nUid:\t${uid}\t`) || /^State:\tZ/mu.test(status)) continue;
    const text = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
    const line = text.replaceAll("\0", " ").trim();
    if (line !== "" && !line.startsWith("sshd:")) found.set(Number(name), line);
  }
  return found;
}
