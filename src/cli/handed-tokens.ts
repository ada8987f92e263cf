import { readFile } from "node:fs";
import type { Writable } from "node:stream";
import { promisify } from "node:util";
import { tokenVariables } from "../host/child-env.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** The file descriptor on which the run in the background gets what its environment may not hold. */
export const handedDescriptor = 3;

/** Hands the tokens of the environment over. */
export function handTokens(pipe: Writable, env: Env): void {
  // Where the other one ended before it read, its record says why.
  pipe.on("error", () => undefined);
  pipe.end(JSON.stringify(tokensOf(env)));
}

/** What was handed over to this process: nothing where it was started by hand. */
export async function takeTokens(): Promise<Env> {
  try {
    const value: unknown = JSON.parse(await promisify(readFile)(handedDescriptor, "utf8"));
    return typeof value === "object" && value !== null ? tokensOf({ ...value }) : {};
  } catch {
    return {};
  }
}

function tokensOf(env: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    tokenVariables.flatMap((name) => {
      const value = env[name];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
}
