import type { CatalogModel } from "../../catalog/catalog.ts";
import { modelsByName } from "../../catalog/select.ts";
import { formatBytes } from "../../run/units.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { type Placed, placeModels, requireMounted } from "../models-place.ts";
import { chosenModels, type ModelChoice } from "../pull.ts";
import type { Fetching, Work } from "../command-request.ts";
import { pruneModels } from "./prune.ts";
import { repair, verify } from "./verify.ts";
import { listedModels, viewCache } from "./view-cache.ts";

export interface ModelsRequest {
  readonly settings: GatheredSettings;
  readonly action: "ls" | "verify" | "repair" | "prune";
  readonly choice: ModelChoice;
  readonly yes: boolean;
  readonly dryRun: boolean;
}

/** `heros models ls | verify | repair | prune` */
export async function performModels(
  work: Work,
  request: ModelsRequest,
): Promise<readonly string[]> {
  const { action, choice, yes, dryRun } = request;
  const settings = await placeModels(work, request.settings);
  const { catalog, cacheDir } = settings;
  await requireMounted(work, cacheDir);
  switch (action) {
    case "ls": {
      const all = choice.all || !choice.tiers;
      return listModels(work, settings, chosenModels({ ...choice, all }, settings));
    }
    case "verify":
    case "repair": {
      const { names } = choice;
      const named = names.length > 0;
      const models: readonly CatalogModel[] = named ? modelsByName(catalog, names) : catalog.models;
      const checked = { fetching: settings, models, named };
      return action === "verify" ? verify(work, checked) : repair(work, checked);
    }
    case "prune":
      return pruneModels(work, { fetching: settings, remove: yes && !dryRun });
  }
}

/**
 * Tells of each model whether it is downloaded, and where.
 * @returns the sentences of the closing page
 * @throws AbortError
 */
export async function listModels(
  work: Work,
  fetching: Placed<Fetching>,
  models: readonly CatalogModel[],
): Promise<string[]> {
  const { survey } = await viewCache(work, { fetching, models, ask: "unknown" });
  const unknown = survey.models.filter(({ problem }) => problem !== null);
  const problem = unknown[0]?.problem ?? null;
  if (problem !== null) {
    const titles = unknown.map(({ title }) => title).join(", ");
    work.emit({
      type: "notice",
      level: "warning",
      code: problem.code,
      message: `The size of ${titles} is unknown. ${problem.message}`,
      hint: problem.hint,
    });
  }
  const listed = listedModels(survey, models);
  work.emit({ type: "models.listed", cacheDir: survey.cacheDir, models: listed });
  const missing = listed.filter(({ state }) => state !== "here");
  if (missing.length === 0) return ["All of these models are ready."];
  const known = missing.filter(({ totalBytes }) => totalBytes !== null);
  const bytes = known.reduce((sum, each) => sum + (each.totalBytes ?? 0) - each.receivedBytes, 0);
  const size = known.length === 0 ? "" : `${formatBytes(bytes)} to download. `;
  const named = missing.length === 1 ? missing[0]?.id : "MODEL";
  return [
    `${listed.length - missing.length} of ${listed.length} models are ready. ${size}Download one: heros pull ${named ?? "MODEL"}`,
  ];
}
