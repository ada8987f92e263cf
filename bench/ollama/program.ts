import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../test/host/free-port.ts";
import type { Command } from "../download/run-to-end.ts";
import { cleanEnv } from "../program.ts";

/** As test/agreement/ollama.sh has it. */
const version = "v0.9.0";

/** Ollama's own program; built with Go unless OLLAMA names one. */
export function findOllama(folder: string): string {
  const given = process.env["OLLAMA"];
  if (given !== undefined) return given;
  const env = { ...process.env, GOBIN: join(folder, "bin"), GOFLAGS: "-mod=mod" };
  execFileSync("go", ["install", `github.com/ollama/ollama@${version}`], { env, stdio: "inherit" });
  return join(folder, "bin/ollama");
}

/** A server of Ollama's, which does what its command is told to. */
export interface OllamaServer {
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Ollama's server with its models in `<folder>/models`, while the work lasts. */
export async function withOllama<Result>(
  program: string,
  folder: string,
  work: (server: OllamaServer) => Promise<Result>,
): Promise<Result> {
  const env = {
    ...cleanEnv(folder),
    OLLAMA_MODELS: join(folder, "models"),
    OLLAMA_HOST: `127.0.0.1:${await freePort()}`,
  };
  const server = spawn(program, ["serve"], { env, stdio: "ignore" });
  const ended = once(server, "exit");
  try {
    while (spawnSync(program, ["list"], { env, stdio: "ignore" }).status !== 0) {
      if (server.exitCode !== null) throw new Error(`${program} serve ended`);
      await sleep(50);
    }
    return await work({ program, env });
  } finally {
    server.kill();
    await ended;
  }
}

/** @param name without the scheme: a registry on loopback has no TLS */
export function pullByOllama({ program, env }: OllamaServer, name: string): Command {
  return { file: program, args: ["pull", "--insecure", `http://${name}`], env };
}
