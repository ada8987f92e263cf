import { type Probe, withinLimit, late } from "../host/time-limit.ts";
import { readEngineError } from "./engine.ts";
import type { Host } from "../host/host.ts";
import type { RunResult } from "../host/processes.ts";

export interface ComposeRequest {
  readonly host: Host;
  readonly stackDir: string;
  /** After `docker compose`. */
  readonly args: readonly string[];
  /** Beside what compose gets from the shell. Never a secret. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

/** What a shell may have set that would win over the stack's own `.env`, or change how we read compose's words. */
const shellOnly = [
  "COMPOSE_FILE",
  "COMPOSE_PATH_SEPARATOR",
  "COMPOSE_PROJECT_NAME",
  "COMPOSE_PROFILES",
  "COMPOSE_ENV_FILES",
  "COMPOSE_DISABLE_ENV_FILE",
  "COMPOSE_STATUS_STDOUT",
  "COMPOSE_ANSI",
  "COMPOSE_PROGRESS",
  "COMPOSE_MENU",
  "HER_OS_PORT",
];

/** The shell's variables as compose gets them from heros: those that win over the `.env`. */
export function composeEnvironment(host: Host): Readonly<Record<string, string | undefined>> {
  return { ...host.env, ...Object.fromEntries(shellOnly.map((name) => [name, undefined])) };
}

/** Runs `docker compose` so that the stack's `.env`, and nothing of the shell, says which files count. */
export function runCompose(request: ComposeRequest): Promise<RunResult> {
  const { host, stackDir, args, env, input, signal, timeoutMs, onLine } = request;
  return host.processes.run({
    command: "docker",
    args: ["compose", ...args],
    cwd: stackDir,
    env: { ...Object.fromEntries(shellOnly.map((name) => [name, undefined])), ...env },
    ...(input === undefined ? {} : { input }),
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(onLine === undefined ? {} : { onLine }),
  });
}

export type ComposeAnswer =
  | { readonly state: "there"; readonly version: string }
  | { readonly state: "missing" }
  /** Docker itself is not there. */
  | { readonly state: "no-docker" }
  /** Docker refuses every command: what the check of its engine tells. */
  | { readonly state: "no-engine" }
  | { readonly state: "late" };

export async function askCompose(probe: Probe): Promise<ComposeAnswer> {
  const result = await withinLimit(probe, (signal) =>
    probe.host.processes.run({
      command: "docker",
      args: ["compose", "version", "--short"],
      signal,
    }),
  );
  return result === late ? { state: "late" } : parseComposeVersion(result);
}

/** A docker without the plugin takes `compose` or `--short` for a mistake of its own, in different words and with different statuses. */
export function parseComposeVersion(
  result: Pick<RunResult, "exitCode" | "stdout" | "stderr" | "missing">,
): ComposeAnswer {
  if (result.missing) return { state: "no-docker" };
  const version = result.stdout.trim().split("\n").at(-1)?.trim().replace(/^v/, "") ?? "";
  if (result.exitCode === 0 && /^(\d+\.\d+|dev)/.test(version)) {
    return { state: "there", version };
  }
  return { state: readEngineError(result.stderr) === null ? "missing" : "no-engine" };
}
