import { readFile } from "node:fs";
import type { Writable } from "node:stream";
import { promisify } from "node:util";
import { tokenVariables } from "../host/processes.ts";
import { errorCode } from "../run/error-code.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** A demo's world on disk, in which another process goes on. */
export interface LeftDemo {
  readonly folder: string;
  /** Annie's. */
  readonly port: number;
}

/** What the run in the background gets of the one that it goes on for, and what no argument and no variable may hold. */
export interface Handed {
  /** Tokens, as the environment had them. */
  readonly env: Env;
  /** What the run has taken so far. */
  readonly elapsedMs: number;
  readonly demo: LeftDemo | null;
}

export const nothingHanded: Handed = { env: {}, elapsedMs: 0, demo: null };

/** The file descriptor on which it is handed over. */
export const handedDescriptor = 3;

export function handOver(pipe: Writable, { env, ...rest }: Handed): void {
  // Where the other one ended before it read, its record says why.
  pipe.on("error", () => undefined);
  pipe.end(JSON.stringify({ ...rest, env: tokensOf(env) }));
}

/** What was handed over to this process: nothing where it was started by hand. */
export async function takeHanded(): Promise<Handed> {
  try {
    return parse(JSON.parse(await promisify(readFile)(handedDescriptor, "utf8")));
  } catch {
    return nothingHanded;
  }
}

function parse(value: unknown): Handed {
  const { env, elapsedMs, demo } = fieldsOf(value);
  const { folder, port } = fieldsOf(demo);
  return {
    env: tokensOf(fieldsOf(env)),
    elapsedMs: typeof elapsedMs === "number" && elapsedMs >= 0 ? elapsedMs : 0,
    demo: typeof folder === "string" && typeof port === "number" ? { folder, port } : null,
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function tokensOf(env: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    tokenVariables.flatMap((name) => {
      const value = env[name];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
}

/** Asks a process to stop, as Ctrl-C would; it may have ended by itself meanwhile. */
export function askToStop(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}
