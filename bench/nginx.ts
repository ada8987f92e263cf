import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Nginx {
  /** Holds its configuration. */
  readonly folder: string;
  readonly config: string;
  /** At which it listens, of 127.0.0.1. */
  readonly ports: readonly number[];
  readonly pace?: Pace;
}

/** Held by the kernel, so that nothing of ours is in between. */
interface Pace {
  readonly port: number;
  readonly bytesPerSecondPerConnection: number | undefined;
  /** What the kernel holds for a connection that takes no more: it counts as sent. Left out: its own choice. */
  readonly sendBufferBytes: number | undefined;
}

/** nginx, while the work lasts; it ends with this process, however that ends. */
export async function withNginx<Result>(
  { folder, config, ports, pace }: Nginx,
  work: () => Promise<Result>,
): Promise<Result> {
  const file = join(folder, "nginx.conf");
  await writeFile(file, config);
  const nginx = ["nginx", "-p", "/usr/share/nginx", "-c", file];
  const { port, bytesPerSecondPerConnection: rate, sendBufferBytes = 0 } = pace ?? {};
  const paced = ["perl", "-e", listenPaced, ...[port, rate, sendBufferBytes].map(String)];
  const command = rate === undefined ? nginx : [...paced, ...nginx];
  const child = spawn("setpriv", ["--pdeathsig", "TERM", ...command], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let complaint = "";
  child.stderr.on("data", (chunk) => (complaint += String(chunk)));
  const ended = once(child, "exit");
  try {
    for (const each of ports) await waitForPort(each, () => child.exitCode === null || complaint);
    return await work();
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

/** Of every configuration: one process in the foreground, with what it writes in that folder. */
export function nginxHead(folder: string): string {
  return `daemon off;
worker_processes 1;
${process.getuid?.() === 0 ? "user root;" : ""}
pid ${join(folder, "nginx.pid")};
error_log ${join(folder, "error.log")};
events { worker_connections 4096; }`;
}

/** Of its block `http`. */
export function nginxTempPaths(folder: string): string {
  return ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${join(folder, `${name}_temp`)};`)
    .join("\n");
}

/** Opens the port with SO_MAX_PACING_RATE, which accepted connections inherit, and gives it to nginx as its own upgrades do. */
const listenPaced = `
  use Socket; my ($port, $rate, $held) = splice @ARGV, 0, 3; $^F = 255;
  socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!;
  setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1) or die $!;
  setsockopt($s, SOL_SOCKET, 47, pack("L", $rate)) or die $!;
  $held == 0 or setsockopt($s, SOL_SOCKET, SO_SNDBUF, pack("i", $held)) or die $!;
  bind($s, sockaddr_in($port, INADDR_LOOPBACK)) or die $!; listen($s, 511) or die $!;
  $ENV{NGINX} = fileno($s) . ";"; exec @ARGV;`;

async function waitForPort(port: number, alive: () => true | string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const state = alive();
    if (state !== true) throw new Error(`nginx did not start: ${state}`);
    const socket = connect(port, "127.0.0.1");
    const open = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) return;
    await sleep(50);
  }
  throw new Error(`nginx does not answer at port ${port}`);
}
