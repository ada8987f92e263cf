import type { CatalogModel } from "../../catalog/catalog.ts";
import { completeTiers, defaultTiers, modelsByName, modelsOfTiers } from "../../catalog/select.ts";
import { parseTiers } from "../../plan/tiers-question.ts";
import { placeModels } from "../../setup/models-place.ts";
import { pull } from "../../setup/pull.ts";
import type { Work } from "../../setup/request.ts";
import { gatherSettings, type GatheredSettings } from "../gather-settings.ts";
import type { Leaving } from "../leaving.ts";
import { usageFailure } from "../options.ts";
import type { PullCommand } from "../program.ts";

/** `heros pull [MODEL…] [--tiers …] [--all]` */
export async function performPull(
  work: Work,
  command: PullCommand,
  leaving: Leaving,
): Promise<readonly string[]> {
  const settings = await placeModels(work, await gatherSettings(work.host, command));
  const { tokenFile } = settings;
  const token = tokenFile === null || tokenFile.source === "none" ? null : tokenFile.token;
  leaving.settled = async () => ({ flags: [], token });
  return pull(work, settings, chosenModels(command, settings));
}

/**
 * The models that names, `--tiers` or `--all` mean.
 * @throws Failure `usage.wrong`, `models.unknown`, `tiers.unknown` (exit 2)
 */
export function chosenModels(
  command: Pick<PullCommand, "models" | "all" | "questionFlags">,
  { catalog, decided }: GatheredSettings,
): readonly CatalogModel[] {
  const { models, all, questionFlags } = command;
  if ([models.length > 0, all, questionFlags.tiers !== undefined].filter(Boolean).length > 1) {
    throw usageFailure("Name models, or give --tiers, or --all: only one of them");
  }
  if (models.length > 0) return modelsByName(catalog, models);
  if (all) return catalog.models;
  const asked = decided.findLast((layer) => layer.tiers !== undefined)?.tiers;
  if (asked === undefined) return modelsOfTiers(catalog, defaultTiers(catalog));
  const tiers = parseTiers(asked);
  completeTiers(catalog, tiers);
  return modelsOfTiers(catalog, tiers);
}
