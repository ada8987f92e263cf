import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { AnnieConfig } from "../annie/registry.ts";

export interface AnnieProcess {
  readonly pid: number;
  /** What she said, the newest last. */
  readonly logLines: readonly string[];
  /** Null while she runs. */
  exitCode(): number | null;
  health(): Promise<"starting" | "healthy" | "unhealthy">;
  /** Ends when she has. */
  stop(): Promise<void>;
}

const keptLines = 500;

/** Starts the demo Annie. Her stdin is held open by this process alone, so she ends with it, even after kill -9. */
export async function startAnnie(nodePath: string, config: AnnieConfig): Promise<AnnieProcess> {
  // From source she is TypeScript, which Node runs as it is; from the build she is JavaScript.
  const extension = new URL(import.meta.url).pathname.endsWith(".ts") ? "ts" : "js";
  const entry = fileURLToPath(new URL(`../annie/main.${extension}`, import.meta.url));
  const child = spawn(nodePath, [entry], { env: {}, stdio: ["pipe", "pipe", "pipe"] });
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  child.stdin.on("error", () => {
    // She is gone: `exit` says so.
  });
  const logLines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      logLines.push(line);
      if (logLines.length > keptLines) logLines.shift();
    });
  }
  await once(child, "spawn");
  child.stdin.write(`${JSON.stringify(config)}\n`);
  return {
    pid: child.pid ?? 0,
    logLines,
    exitCode: () => child.exitCode ?? (child.signalCode === null ? null : 137),
    health: () => askHealth(config.port),
    async stop() {
      child.stdin.end();
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** As the container's health check asks: `curl -f /health`. */
function askHealth(port: number): Promise<"starting" | "healthy"> {
  return new Promise((resolve) => {
    const asked = request(
      { host: "127.0.0.1", port, path: "/health", timeout: 1000, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200 ? "healthy" : "starting");
      },
    );
    asked.once("timeout", () => asked.destroy());
    asked.once("error", () => resolve("starting"));
    asked.end();
  });
}
