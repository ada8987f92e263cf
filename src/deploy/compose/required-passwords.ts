import { standIns } from "./core-service.ts";
import { askCompose, type PlannedFiles } from "./base.ts";

/**
 * The passwords that compose misses in the user's files, and in those that they include and extend, with what `.env` and
 * the files' own `env_file` give. It names one at a time. None where there is no compose to ask.
 */
export async function requiredPasswords(files: PlannedFiles): Promise<readonly string[]> {
  const found = new Map<string, string>();
  const known = standIns(files.stack);
  for (;;) {
    const { stderr } = await askCompose(files, null, { passwords: Object.fromEntries(found) });
    const [, name] = /required variable (\w+) is missing a value/.exec(stderr) ?? [];
    if (name === undefined || found.has(name) || !Object.hasOwn(known, name))
      return [...found.keys()];
    found.set(name, "none");
  }
}
