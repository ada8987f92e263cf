import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { docker } from "./run-heros.ts";

/** An engine that a test may stop, on a disk of its own. */
export interface OwnEngine {
  /** Of docker and heros. */
  readonly env: { readonly DOCKER_HOST: string };
  start(): Promise<void>;
  stop(): Promise<void>;
}

let engines = 0;

/**
 * With what .ci/docker-engine.sh gives the engine of all tests.
 * @param dataRoot an empty disk
 * @param by what starts it: `nsenter --net=…`
 */
export function createEngine(
  folder: string,
  dataRoot: string,
  by: readonly string[] = [],
): OwnEngine {
  const name = `${process.pid}-${(engines += 1)}`;
  const env = { DOCKER_HOST: `unix://${path.join(folder, "docker.sock")}` };
  const log = path.join(folder, "dockerd.log");
  let child: ChildProcess | null = null;
  return {
    env,
    async start() {
      const output = openSync(log, "a");
      const args = [
        "--storage-driver=overlay2",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        `--data-root=${dataRoot}`,
        `--exec-root=${path.join(folder, "exec")}`,
        `--pidfile=${path.join(folder, "dockerd.pid")}`,
        `--host=${env.DOCKER_HOST}`,
        `--containerd-namespace=heros-own-${name}`,
        `--containerd-plugins-namespace=heros-own-plugins-${name}`,
      ];
      const [command = "dockerd", ...rest] = [...by, "dockerd", ...args];
      const started = spawn(command, rest, { stdio: ["ignore", output, output] });
      closeSync(output);
      child = started;
      while (started.exitCode === null) {
        const found = await docker(["version"], undefined, { ...process.env, ...env }).catch(
          () => null,
        );
        if (found !== null) return;
        await sleep(200);
      }
      throw new Error(`dockerd ended with ${started.exitCode}: see ${log}`);
    },
    async stop() {
      if (child === null || child.exitCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}
