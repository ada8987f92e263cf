import path from "node:path";
import type { Host } from "../host/host.ts";

/** Which engine the docker command talks to. */
export interface EnginePlace {
  /** `unix:///var/run/docker.sock`, `ssh://me@spark`; null where docker does not say. */
  readonly address: string | null;
  /** What chose it: the environment's DOCKER_HOST, or docker's current context. */
  readonly chosenBy: "DOCKER_HOST" | "context";
  /** The docker command is the one of a snap, which sees little of the machine's folders. */
  readonly snap: boolean;
}

/** Asks docker, as it would choose for any command. @throws AbortError */
export async function askEnginePlace(host: Host, signal?: AbortSignal): Promise<EnginePlace> {
  const named = host.env["DOCKER_HOST"] ?? "";
  const [address, snap] = await Promise.all([
    named === "" ? askContext(host, signal) : named,
    isSnap(host),
  ]);
  return { address, chosenBy: named === "" ? "context" : "DOCKER_HOST", snap };
}

async function askContext(host: Host, signal: AbortSignal | undefined): Promise<string | null> {
  const { exitCode, stdout } = await host.processes.run({
    command: "docker",
    args: ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
    timeoutMs: 5000,
    ...(signal === undefined ? {} : { signal }),
  });
  const [address = ""] = stdout.trim().split("\n");
  return exitCode === 0 && /^[a-z]+:\/\/\S*$/.test(address) ? address : null;
}

/** Whether the first `docker` on the PATH is a snap's. */
async function isSnap({ env, files }: Host): Promise<boolean> {
  for (const folder of (env["PATH"] ?? "").split(":")) {
    if (!path.isAbsolute(folder)) continue;
    const found = await files.access(path.join(folder, "docker")).then(
      () => true,
      () => false,
    );
    if (found) return folder.startsWith("/snap/");
  }
  return false;
}

const ownHosts = /^(?:localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|0\.0\.0\.0|)$/i;

/** Whether the engine is on another machine: then this one's folders, disks and ports are not the containers'. */
export function isElsewhere(address: string | null): boolean {
  const [, scheme, host = ""] =
    /^(ssh|tcp|https?):\/\/(?:[^/@]*@)?(\[[^\]]*\]|[^/:]*)/i.exec(address ?? "") ?? [];
  return scheme !== undefined && !ownHosts.test(host);
}
