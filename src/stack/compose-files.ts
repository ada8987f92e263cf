import path from "node:path";
import type { Host } from "../host/host.ts";
import { envValue, readEnvFile } from "./env-file.ts";
import { readIfThere } from "./files.ts";

/** The file that heros writes whole. */
export const herosFile = "docker-compose.heros.yml";
/** The name under which heros lays down the base where there is none. */
export const newBaseFile = "docker-compose.yml";

/** Where a token is kept that the person chose to keep. */
export function keptTokenFile(stackDir: string): string {
  return path.join(stackDir, "secrets", "hf_token");
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
  /** The user's: base and override, or what their own COMPOSE_FILE names. */
  readonly own: readonly string[];
  /** True where there is no base: heros will write one. */
  readonly baseMissing: boolean;
  /** What COMPOSE_FILE must say; ours among them. */
  readonly composeFile: string;
}

/** Looks which compose files count in the folder, given the text of its `.env`. */
export async function findComposeFiles(
  host: Host,
  stackDir: string,
  envText: string,
): Promise<ComposeFiles> {
  const env = readEnvFile(envText, path.join(stackDir, ".env"));
  const separator = envValue(env, "COMPOSE_PATH_SEPARATOR") || ":";
  const chosen = envValue(env, "COMPOSE_FILE") ?? "";
  const named = chosen.split(separator).filter((name) => name !== "");
  if (named.some((name) => ![...baseNames, ...overrideNames, herosFile].includes(name))) {
    return {
      own: named.filter((name) => name !== herosFile),
      baseMissing: false,
      composeFile: named.includes(herosFile) ? chosen : `${chosen}${separator}${herosFile}`,
    };
  }
  const base = await firstThere(host, stackDir, baseNames);
  const override = await firstThere(host, stackDir, overrideNames);
  const own = [base ?? newBaseFile, ...(override === null ? [] : [override])];
  return { own, baseMissing: base === null, composeFile: [...own, herosFile].join(separator) };
}

async function firstThere(
  host: Host,
  stackDir: string,
  names: readonly string[],
): Promise<string | null> {
  for (const name of names) {
    if ((await readIfThere(host, path.join(stackDir, name))) !== null) return name;
  }
  return null;
}
