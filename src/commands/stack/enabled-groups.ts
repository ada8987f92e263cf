import type { Catalog } from "../../catalog/catalog.ts";
import { lookupIn, readStackEnv } from "../../deploy/compose/env/env-file.ts";
import type { Host } from "../../host/host.ts";
import { errorCode, Failure } from "../../run/failure.ts";

/**
 * Groups that a variable in the stack's `.env` switches on or off, by the catalog's `enabledBy`. What is neither yes nor no says nothing;
 * what is wrong with the file is told where it is planned.
 */
export async function enabledGroups(
  host: Host,
  stackDir: string,
  { models }: Catalog,
): Promise<ReadonlyMap<string, boolean>> {
  const switches = models.flatMap(({ group, enabledBy }) =>
    enabledBy === null ? [] : [{ group, enabledBy }],
  );
  if (switches.length === 0) return new Map();
  const env = await readStackEnv(host, stackDir).catch((error: unknown) => {
    if (error instanceof Failure || errorCode(error) !== null) return null;
    throw error;
  });
  if (env === null) return new Map();
  const lookup = lookupIn(env);
  return new Map(
    switches.flatMap(({ group, enabledBy }): [string, boolean][] => {
      const value = lookup(enabledBy)?.trim() ?? "";
      if (/^(?:true|1|yes|on)$/i.test(value)) return [[group, true]];
      return /^(?:false|0|no|off)$/i.test(value) ? [[group, false]] : [];
    }),
  );
}
