import path from "node:path";
import type { Stack } from "../../catalog/stack.ts";
import type { Host } from "../../host/host.ts";
import { failure } from "../../run/failures/table.ts";
import { type EnvEdit, envValue, readStackEnv, type StackEnv } from "./env/env-file.ts";
import { readIfThere } from "../../host/text-files.ts";
import { isThere } from "../../host/places.ts";
import { quoted } from "../../run/shell-quote.ts";

/** The file that heros writes whole. */
export const herosFile = "docker-compose.heros.yml";
/** The name under which heros lays down the base where there is none. */
export const newBaseFile = "docker-compose.yml";

/**
 * The file that heros lays down where there is no compose file.
 * @throws Failure `stack.no_base` (exit 2) where the catalog has none
 */
export function baseFileOf({ id, base }: Pick<Stack, "id" | "base">, assetsDir: string): string {
  switch (base.kind) {
    case "shipped":
      return path.join(assetsDir, "compose", base.name);
    case "file":
      return base.path;
    case "none":
      throw failure("stack.no_base", { stack: id });
  }
}

/** Whether heros set up a stack in the folder. Its `.env` still names our file where somebody deleted that. */
export async function isSetUp({ files }: Pick<Host, "files">, stackDir: string): Promise<boolean> {
  if (await isThere({ files }, path.join(stackDir, herosFile))) return true;
  const env = await readIfThere({ files }, path.join(stackDir, ".env")).catch(() => null);
  return env !== null && /^COMPOSE_FILE=.*docker-compose\.heros\.yml/mu.test(env);
}

/** Where a stack is set up unless somebody says another place. */
export function usualFolder({ home }: Pick<Host, "home">, { id }: Pick<Stack, "id">): string {
  return path.join(home, id);
}

/** By which a command finds a stack that is not where it looks by itself; nothing for one that is. */
export function stackFlag(
  { home }: Pick<Host, "home">,
  { id }: Pick<Stack, "id">,
  stackDir: string,
): string {
  return stackDir === usualFolder({ home }, { id }) ? "" : ` --stack-dir ${quoted(stackDir)}`;
}

/** In the order in which compose looks. */
const baseNames = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const overrideNames = [
  "compose.override.yml",
  "compose.override.yaml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
];

/** The compose files of a stack, in the order in which compose merges them. */
export interface ComposeFiles {
  /** The user's, as COMPOSE_FILE names them: relative to the stack's folder. */
  readonly own: readonly string[];
  /** True where there is no base: heros will write one. */
  readonly baseMissing: boolean;
  /** What has to happen to COMPOSE_FILE so that it names ours too; null where it does. */
  readonly edit: EnvEdit | null;
  /** The COMPOSE_FILE that heros put together itself; null where it is the user's. */
  readonly chosen: string | null;
}

const chosenLine = /^# COMPOSE_FILE, as heros put it together: (.+)\n/m;

/** How our own file tells the COMPOSE_FILE that heros put together; nothing where it is the user's. */
export function chosenComposeFileLine(chosen: string | null): string {
  return chosen === null ? "" : `# COMPOSE_FILE, as heros put it together: ${chosen}\n`;
}

function chosenComposeFile(herosText: string): string | null {
  return chosenLine.exec(herosText)?.[1] ?? null;
}

/** The folder by which compose takes relative paths, and names the project: that of its first file. */
export function projectFolder(stackDir: string, { own }: ComposeFiles): string {
  return path.dirname(path.resolve(stackDir, own[0] ?? newBaseFile));
}

/** The same for a stack whose files were not looked at yet; what is wrong with them is told when they are. */
export async function findProjectFolder(host: Host, stackDir: string): Promise<string> {
  return path.dirname(await findBaseFile(host, stackDir));
}

/** The first of its compose files, likewise. */
export async function findBaseFile(host: Host, stackDir: string): Promise<string> {
  const named = (name: string) => path.resolve(stackDir, name);
  try {
    const env = await readStackEnv(host, stackDir);
    const herosText = await readIfThere(host, path.join(stackDir, herosFile));
    const { own } = await findComposeFiles(host, env, herosText);
    return named(own[0] ?? newBaseFile);
  } catch {
    return named(newBaseFile);
  }
}

/**
 * Looks which compose files count in the folder. A COMPOSE_FILE of the user's is their whole choice, and ours is added at
 * its end. One that heros put together, which `herosText` tells, takes in an override that was added since.
 */
export async function findComposeFiles(
  host: Host,
  env: StackEnv,
  herosText: string | null,
): Promise<ComposeFiles> {
  const stackDir = path.dirname(env.path);
  const separator = envValue(env.entries, "COMPOSE_PATH_SEPARATOR") || ":";
  const current = envValue(env.entries, "COMPOSE_FILE") || null;
  const remembered = herosText === null ? null : chosenComposeFile(herosText);
  if (current !== null && current !== remembered) {
    const named = current.split(separator).filter((name) => name !== "");
    const own = named.filter((name) => !isOurs(stackDir, name));
    const [base = newBaseFile] = own;
    const append = current.endsWith(separator) ? herosFile : `${separator}${herosFile}`;
    return {
      own: own.length === 0 ? [base] : own,
      baseMissing: base === newBaseFile && !(await hasText(host, stackDir, base)),
      edit: own.length < named.length ? null : { key: "COMPOSE_FILE", append },
      chosen: null,
    };
  }
  // What was found once stays, so that a file with a name that compose likes better pushes nothing out.
  const known = (remembered ?? "").split(separator);
  const found = (names: readonly string[]) =>
    firstThere(host, stackDir, [...known.filter((name) => names.includes(name)), ...names]);
  const [base, override] = [await found(baseNames), await found(overrideNames)];
  const own = [base ?? newBaseFile, ...(override === null ? [] : [override])];
  const chosen = [...own, herosFile].join(separator);
  return {
    own,
    baseMissing: base === null,
    edit: current === chosen ? null : { key: "COMPOSE_FILE", value: chosen },
    chosen,
  };
}

function isOurs(stackDir: string, name: string): boolean {
  return path.resolve(stackDir, name) === path.join(stackDir, herosFile);
}

async function firstThere(
  host: Host,
  stackDir: string,
  names: readonly string[],
): Promise<string | null> {
  for (const name of names) if (await hasText(host, stackDir, name)) return name;
  return null;
}

async function hasText(host: Host, stackDir: string, name: string): Promise<boolean> {
  return (await readIfThere(host, path.join(stackDir, name))) !== null;
}
