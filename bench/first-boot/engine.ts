import { spawn } from "node:child_process";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const script = `set -eu
. .ci/docker-engine.sh
trap stop_engine EXIT
start_engine "$1" >&2
install_registry >&2
echo up
cat
`;

/** A Docker engine of its own with compose, and Debian's registry beside it. */
export interface Engine {
  /** For docker's environment. */
  readonly env: { readonly DOCKER_HOST: string; readonly DOCKER_CONFIG: string };
  /** Names of images whose containers are running. */
  runningImages(): Promise<readonly string[]>;
}

/** Installs what is missing, as root. @throws Error where no engine can be had */
export async function withEngine<Result>(
  folder: string,
  work: (engine: Engine) => Promise<Result>,
): Promise<Result> {
  const shell = spawn("bash", ["-c", script, "engine", folder], {
    cwd: root,
    stdio: ["pipe", "pipe", "inherit"],
    // A signal to the benchmark must not end it before its containers are gone.
    detached: true,
  });
  const ended = once(shell, "exit");
  try {
    const lines = createInterface({ input: shell.stdout });
    const [line] = (await Promise.race([once(lines, "line"), ended])) as [unknown];
    if (line !== "up") throw new Error("no Docker engine could be started: see above");
    const socketPath = join(folder, "docker.sock");
    return await work({
      env: { DOCKER_HOST: `unix://${socketPath}`, DOCKER_CONFIG: join(folder, "config") },
      async runningImages() {
        const containers = await ask(socketPath, "/containers/json");
        return (containers as { readonly Image: string }[]).map(({ Image }) => Image);
      },
    });
  } finally {
    shell.stdin.end();
    await ended;
  }
}

async function ask(socketPath: string, path: string): Promise<unknown> {
  const asked = request({ socketPath, path }).end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  return JSON.parse(Buffer.concat(pieces).toString("utf8"));
}
