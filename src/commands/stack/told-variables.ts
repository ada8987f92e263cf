import { type Catalog, modelsOfTiers } from "../../catalog/catalog.ts";
import type { ToldVariables } from "../../deploy/compose/deployment.ts";
import { lookupIn, readStackEnv } from "../../deploy/compose/env/env-file.ts";
import type { Host } from "../../host/host.ts";
import type { Answers } from "../../plan/questions.ts";
import { errorCode, Failure } from "../../run/failure.ts";

/** What Annie's containers are told, by the names that the catalog has for it. */
export function toldVariables(
  catalog: Catalog,
  { tiers, startup }: Pick<Answers, "tiers" | "startup">,
): ToldVariables {
  const { variables, coreEnvironment, warmupEnvironment } = catalog;
  const chosen = modelsOfTiers(catalog, tiers);
  const repos = chosen.map(({ parts: [{ repo, revision }] }) => `${repo}@${revision}`);
  const switches = catalog.models.flatMap(({ id, enabledBy }) =>
    enabledBy === null ? [] : [[enabledBy, String(chosen.some((model) => model.id === id))]],
  );
  const answers = {
    ...named(variables.tiers, tiers.join(",")),
    ...(Object.fromEntries(switches) as Record<string, string>),
    ...named(variables.models, repos.join(",")),
  };
  const lastTier = String(Math.max(...tiers));
  const warmup = Object.entries(warmupEnvironment).map(([name, value]) => [
    name,
    value.replaceAll("{tier}", lastTier),
  ]);
  return {
    core: { ...coreEnvironment, ...named(variables.startup, startup), ...answers },
    warmup: { ...(Object.fromEntries(warmup) as Record<string, string>), ...answers },
    areAllChosen: catalog.models.every(
      (model) => model.enabledBy !== null || chosen.includes(model),
    ),
    bakedModels: variables.bakedModels ?? null,
  };
}

function named(name: string | undefined, value: string): Record<string, string> {
  return name === undefined ? {} : { [name]: value };
}

/**
 * Tiers that a variable in the stack's `.env` switches on or off, by the catalog's `enabledBy`. What is neither yes nor no says nothing;
 * what is wrong with the file is told where it is planned.
 */
export async function enabledTiers(
  host: Host,
  stackDir: string,
  { models }: Catalog,
): Promise<ReadonlyMap<number, boolean>> {
  const switches = models.flatMap(({ tier, enabledBy }) =>
    enabledBy === null ? [] : [{ tier, enabledBy }],
  );
  if (switches.length === 0) return new Map();
  const env = await readStackEnv(host, stackDir).catch((error: unknown) => {
    if (error instanceof Failure || errorCode(error) !== null) return null;
    throw error;
  });
  if (env === null) return new Map();
  const lookup = lookupIn(env);
  return new Map(
    switches.flatMap(({ tier, enabledBy }): [number, boolean][] => {
      const value = lookup(enabledBy)?.trim() ?? "";
      if (/^(?:true|1|yes|on)$/i.test(value)) return [[tier, true]];
      return /^(?:false|0|no|off)$/i.test(value) ? [[tier, false]] : [];
    }),
  );
}
