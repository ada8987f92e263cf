import type { CatalogModel } from "../../catalog/catalog.ts";
import { modelsByName } from "../../catalog/select.ts";
import { placeModels } from "../models-place.ts";
import { listModels } from "./ls.ts";
import { pruneModels } from "./prune.ts";
import { repair, verify } from "./verify.ts";
import { requireMounted } from "../require-place.ts";
import type { Work } from "../request.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { chosenModels, type ModelChoice } from "../pull.ts";

export interface ModelsRequest {
  readonly settings: GatheredSettings;
  readonly action: "ls" | "verify" | "repair" | "prune";
  readonly choice: ModelChoice;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** A person reads the output. */
  readonly attended: boolean;
}

/** `heros models ls | verify | repair | prune` */
export async function performModels(
  work: Work,
  request: ModelsRequest,
): Promise<readonly string[]> {
  const { action, choice, yes, dryRun, attended } = request;
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
    case "prune": {
      const mode = dryRun ? "show" : yes ? "remove" : attended ? "show" : "refuse";
      return pruneModels(work, { fetching: settings, mode });
    }
  }
}
