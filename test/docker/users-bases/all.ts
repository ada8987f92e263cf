import { gpus, keys, mounts, ports } from "./annie.ts";
import type { UsersBase } from "./base.ts";
import { envs, refused } from "./env-and-refused.ts";
import { composed, named } from "./files.ts";

/** Every kind that is known, each once. */
export const usersBases: readonly UsersBase[] = [
  ...named,
  ...composed,
  ...gpus,
  ...ports,
  ...mounts,
  ...keys,
  ...envs,
  ...refused,
];

/** Those of which a warm-up takes something over, or could. */
export const warmedBases: readonly UsersBase[] = [
  ...named.filter(({ files }) => "deploy/compose.yaml" in files),
  ...composed.filter(({ kind }) => /^(?:include|extends|several|a profile)/.test(kind)),
  ...ports.filter(({ kind }) => kind.endsWith("network")),
  ...keys.filter(({ kind }) =>
    /user|depends_on|image|replicas|warm-up|env_file|names alone/.test(kind),
  ),
];
