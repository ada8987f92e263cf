import path from "node:path";
import { composeEnvironment } from "../../../docker/compose.ts";
import type { Host } from "../../../host/host.ts";
import { readIfThere } from "../../../host/text-files.ts";
import { redactLine } from "../diff.ts";
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

/** Keys of ours whose values say nothing that a stranger may not read. */
const shownKeys = ["COMPOSE_FILE", "HER_OS_PORT"];
const secretKeys = ["POSTGRES_PASSWORD", "NEO4J_PASSWORD"];

/**
 * The lines of a `.env` as they may be shown, one for each line: our own keys with their values, those of anybody else
 * without, and nothing of what is neither. A value may be a secret whatever its key is called.
 */
export function shownEnv(env: EnvText): readonly string[] {
  const entries = [...readEnvFile(env)].toReversed();
  let offset = 0;
  return env.text.split("\n").map((line) => {
    const end = offset + line.length;
    offset = end + 1;
    const here: EnvEntry[] = [];
    while ((entries.at(-1)?.from ?? Number.POSITIVE_INFINITY) <= end)
      here.push(...entries.splice(-1));
    const [entry] = here;
    if (entry === undefined) return line.trim() === "" ? "" : "[hidden]";
    return here.length === 1 && entry.end <= end ? shownEntry(env.text, entry) : nameOf(entry);
  });
}

function shownEntry(text: string, entry: EnvEntry): string {
  const { key, quote, start, end } = entry;
  if (secretKeys.includes(key)) return `${key}=[secret]`;
  if (!shownKeys.includes(key)) return nameOf(entry);
  return redactLine(`${key}=${quote}${text.slice(start, end)}${quote}`);
}

/** A line of a key or a certificate may look like a name too; real ones are written in capitals. */
function nameOf({ key }: EnvEntry): string {
  return /^[A-Z][A-Z0-9_]*$/.test(key) ? `${key}=[hidden]` : "[hidden]";
}
