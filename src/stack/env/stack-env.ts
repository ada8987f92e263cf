import path from "node:path";
import type { Host } from "../../host/host.ts";
import { composeEnvironment } from "../compose.ts";
import { readIfThere } from "../files.ts";
import { type EnvEntry, type EnvText, envValue, readEnvFile } from "./env-file.ts";

/** The `.env` of a folder as compose reads it there. */
export interface StackEnv extends EnvText {
  readonly entries: readonly EnvEntry[];
  /** The file, or null where there is none. */
  readonly found: string | null;
}

/**
 * @param outer what wins over the file; the shell's variables unless given
 * @throws Failure `stack.env_invalid` (exit 2); the system's own errors
 */
export async function readStackEnv(
  host: Host,
  folder: string,
  outer?: EnvText["lookup"],
): Promise<StackEnv> {
  const environment = composeEnvironment(host);
  const lookup = outer ?? ((name: string) => environment[name]);
  const file = path.join(folder, ".env");
  const found = await readIfThere(host, file);
  const env = { text: found ?? "", path: file, lookup };
  return { ...env, found, entries: readEnvFile(env) };
}

/** What compose knows once it has read the file. */
export function lookupIn({ lookup, entries }: StackEnv): EnvText["lookup"] {
  return (name) => lookup(name) ?? envValue(entries, name);
}
