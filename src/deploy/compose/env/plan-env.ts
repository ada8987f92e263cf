import { randomBytes } from "node:crypto";
import type { ComposeFiles } from "../compose-files.ts";
import type { Deployment } from "../deployment.ts";
import { editEnv, type EnvEdit } from "./env-file.ts";
import { lookupIn, type StackEnv } from "./stack-env.ts";
import { type Reference, substitute, SubstitutionError } from "./substitute.ts";

export interface PlanEnvRequest {
  readonly plan: Deployment;
  readonly env: StackEnv;
  /** The `.env` that compose reads after it: that of the folder of its first file. */
  readonly projectEnv: StackEnv;
  readonly files: ComposeFiles;
  /** Where compose fills variables in. */
  readonly texts: readonly string[];
  /** False where a port that stands in the user's file as a number makes HER_OS_PORT mean nothing. */
  readonly portFollows: boolean;
}

export interface PlannedEnv {
  readonly text: string;
  /** The passwords that are made again. */
  readonly passwords: readonly string[];
}

/** The `.env` with our keys, and only those of them that have to be there. */
export function planEnv({
  plan,
  env,
  projectEnv,
  files,
  texts,
  portFollows,
}: PlanEnvRequest): PlannedEnv {
  const lookup = lookupIn(projectEnv);
  const edits: EnvEdit[] = files.edit === null ? [] : [files.edit];
  if (portFollows && Number(lookup("HER_OS_PORT") || 8000) !== plan.port) {
    edits.push({ key: "HER_OS_PORT", value: String(plan.port) });
  }
  const passwords = Object.entries(newPasswords({ texts, lookup }));
  edits.push(...passwords.map(([key, value]) => ({ key, value })));
  return { text: editEnv(env, edits), passwords: passwords.map(([key]) => key) };
}

const passwords = ["POSTGRES_PASSWORD", "NEO4J_PASSWORD"];

export interface PasswordsRequest {
  /** Every value in the compose files, as it is written. */
  readonly texts: readonly string[];
  /** What compose fills in, from the shell and its `.env` files. */
  readonly lookup: (name: string) => string | undefined;
}

/**
 * New passwords for the databases that have none. One is needed where the compose files require it, or name it without
 * anything in its place, and it is not set. A default is a password in use: a database made with it takes no other.
 */
export function newPasswords({ texts, lookup }: PasswordsRequest): Record<string, string> {
  const required = new Set<string>();
  const plain = new Set<string>();
  const stoodIn = new Set<string>();
  const onReference = ({ name, kind, isSet }: Reference) => {
    if (kind === "default" || kind === "alternative") stoodIn.add(name);
    else if (!isSet) (kind === "required" ? required : plain).add(name);
  };
  for (const text of texts) {
    try {
      substitute(text, { lookup, onReference });
    } catch (error) {
      // What compose does not take it tells by itself.
      if (!(error instanceof SubstitutionError)) throw error;
    }
  }
  const needed = passwords.filter(
    (name) => required.has(name) || (plain.has(name) && !stoodIn.has(name)),
  );
  return Object.fromEntries(needed.map((name) => [name, randomBytes(24).toString("hex")]));
}
