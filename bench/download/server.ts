import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, truncate, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServedFile } from "./hosted-files.ts";
import { nginxConfig, xorbUrl, type Link, type NginxSetup } from "./nginx-config.ts";
import { interruption, runToEnd } from "./run-to-end.ts";
import { insideFolder } from "./workplace.ts";
import { withReconstructions } from "./xet/server.ts";
import { readStore, storeFolder } from "./xet/store.ts";

export interface Server {
  readonly endpoint: string;
  readonly files: readonly ServedFile[];
  readonly totalBytes: number;
  /** What was sent since the last call. */
  takeTraffic(): Promise<Traffic>;
}

export interface Traffic {
  readonly requests: number;
  /** Of bodies, without those of the Hub's API. */
  readonly sentBytes: number;
  /** As many of them as came out of xorbs. */
  readonly xorbBytes: number;
}

export interface ServerSetup {
  /** Where a folder for the served files may be made. */
  readonly dir: string;
  /** Puts the files into that folder. */
  readonly host: (folder: string) => Promise<readonly ServedFile[]>;
  readonly link?: Link;
}

/** nginx with these files, while the work lasts; it ends with this process, however that ends. */
export function withServer<Result>(
  { dir, host, link = {} }: ServerSetup,
  work: (server: Server) => Promise<Result>,
): Promise<Result> {
  return withHosted({ dir, host }, (hosted) => serve(hosted, link, work));
}

export interface Hosted {
  readonly folder: string;
  readonly files: readonly ServedFile[];
}

/** The files in their folder, while the work lasts. */
export function withHosted<Result>(
  { dir, host }: Omit<ServerSetup, "link">,
  work: (hosted: Hosted) => Promise<Result>,
): Promise<Result> {
  return insideFolder(dir, "served-", async (folder) => {
    const files = await host(folder);
    await runToEnd("sync", []);
    interruption.signal.throwIfAborted();
    return work({ folder, files });
  });
}

/** nginx over one link with files that are in their folder. */
export async function serve<Result>(
  { folder, files }: Hosted,
  link: Link,
  work: (server: Server) => Promise<Result>,
): Promise<Result> {
  const ports = { hubPort: await freePort(), contentPort: await freePort() };
  const setup = { folder, files, link, ...ports };
  const server: Server = {
    endpoint: `http://127.0.0.1:${ports.hubPort}`,
    files,
    totalBytes: files.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0),
    takeTraffic: () => takeTraffic(join(folder, "access.log")),
  };
  if (files.every(({ xetHash }) => xetHash === undefined))
    return withNginx(setup, () => work(server));
  const store = await readStore(join(folder, storeFolder));
  return withReconstructions(
    store,
    (xorb) => xorbUrl(ports.contentPort, xorb),
    (reconstructionPort) => withNginx({ ...setup, reconstructionPort }, () => work(server)),
  );
}

async function withNginx<Result>(setup: NginxSetup, work: () => Promise<Result>): Promise<Result> {
  const { folder, hubPort, contentPort } = setup;
  const config = join(folder, "nginx.conf");
  await writeFile(config, nginxConfig(setup));
  const nginx = ["nginx", "-p", "/usr/share/nginx", "-c", config];
  const { bytesPerSecondPerConnection: rate, sendBufferBytes = 0 } = setup.link;
  const paced = ["perl", "-e", listenPaced, ...[contentPort, rate, sendBufferBytes].map(String)];
  const command = rate === undefined ? nginx : [...paced, ...nginx];
  const child = spawn("setpriv", ["--pdeathsig", "TERM", ...command], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let complaint = "";
  child.stderr.on("data", (chunk) => (complaint += String(chunk)));
  const ended = once(child, "exit");
  try {
    for (const port of [hubPort, contentPort])
      await waitForPort(port, () => child.exitCode === null || complaint);
    return await work();
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

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

/** A request is in the log once it has ended; one that a kill cut ends when nginx writes to it next. */
async function takeTraffic(log: string): Promise<Traffic> {
  await sleep(300);
  const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
  await truncate(log);
  const answers = lines.map((line) => {
    const [, , status, sent = "0", uri = ""] = line.split(" ");
    return { counts: status !== "302" && !uri.startsWith("/api/"), bytes: Number(sent), uri };
  });
  const sentFor = (wanted: (uri: string) => boolean) =>
    answers
      .filter(({ counts, uri }) => counts && wanted(uri))
      .reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    requests: lines.length,
    sentBytes: sentFor(() => true),
    xorbBytes: sentFor((uri) => uri.startsWith("/xorbs/")),
  };
}
