import { tokenVariables } from "../host/processes.ts";
import type { Secret } from "../run/secret.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** The flag with which heros starts itself in the background; nobody types it. */
export const inBackgroundFlag = "--in-background";

/** The flag with which the service of `--resume-at-boot` starts heros; nobody types it. */
export const resumedFlag = "--resumed";

/** A demo's world on disk, in which another process goes on. */
export interface DemoFolder {
  readonly folder: string;
  /** The stack's. */
  readonly port: number;
}

/** What the run in the background gets of the one that it goes on for, and what no argument and no variable may hold. */
export interface Handover {
  /** Tokens, as the environment had them. */
  readonly env: Env;
  /** What the run has taken so far. */
  readonly elapsedMs: number;
  readonly demo: DemoFolder | null;
}

export const noHandover: Handover = { env: {}, elapsedMs: 0, demo: null };

/** As the other process reads it, from a pipe: `env` without what is no token. */
export function formatHandover({ env, ...others }: Handover): string {
  return JSON.stringify({ ...others, env: tokensOf(env) });
}

/** What was handed over to this process: nothing where the text is none of ours. */
export function parseHandover(text: string): Handover {
  try {
    const { env, elapsedMs, demo } = fieldsOf(JSON.parse(text));
    const { folder, port } = fieldsOf(demo);
    return {
      env: tokensOf(fieldsOf(env)),
      elapsedMs: typeof elapsedMs === "number" && elapsedMs >= 0 ? elapsedMs : 0,
      demo: typeof folder === "string" && typeof port === "number" ? { folder, port } : null,
    };
  } catch {
    return noHandover;
  }
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

/** What another process needs beside the command line to go on with a run. */
export interface Continuation {
  readonly flags: readonly string[];
  /** "none": it must use none, whatever it finds; null: it finds the same one by itself. */
  readonly token: Secret | "none" | null;
  /** Since the run began: from when on its time is counted. */
  readonly countedFromMs?: number;
  readonly demo?: DemoFolder;
}

/** Whether the person wants the run to go on in the background, and what the other process must know then. */
export interface DetachRequest {
  isMade(): boolean;
  make(): void;
  /** Said by the run once it knows; before, the command line is enough. */
  continueWith(continuation: () => Promise<Continuation>): void;
  continuation(): Promise<Continuation>;
}

export function createDetachRequest(): DetachRequest {
  let made = false;
  let continuation = async (): Promise<Continuation> => ({ flags: [], token: null });
  return {
    isMade: () => made,
    make() {
      made = true;
    },
    continueWith(how) {
      continuation = how;
    },
    continuation: () => continuation(),
  };
}
