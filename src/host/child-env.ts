type Env = Readonly<Record<string, string | undefined>>;

/** Variables that hold a token. The environment of a process can be read by others, so no child of heros gets them. */
export const tokenVariables = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] as const;

/** The environment of every process that heros starts: its own, without tokens. */
export function childEnv(env: Env): Record<string, string | undefined> {
  const rest: Record<string, string | undefined> = { ...env };
  for (const name of tokenVariables) delete rest[name];
  return rest;
}
