import type { ComposeFiles } from "../compose-files.ts";
import { editEnv, type EnvEdit } from "./edit-env.ts";
import { lookupIn, type StackEnv } from "./stack-env.ts";
import { newPasswords } from "./passwords.ts";
import type { StackPlan } from "../stack-plan.ts";

export interface PlanEnvRequest {
  readonly plan: StackPlan;
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
  /** The passwords that are made anew. */
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
