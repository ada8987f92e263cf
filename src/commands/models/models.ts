import type { CatalogModel } from "../../catalog/catalog.ts";
import { modelsByName } from "../../catalog/select.ts";
import { placeModels } from "../models-place.ts";
import { listModels } from "./ls.ts";
import { pruneModels } from "./prune.ts";
import { repair, verify } from "./verify.ts";
import { requireMounted } from "../require-place.ts";
import type { Work } from "../request.ts";
import type { Writer } from "../../ui/writer.ts";
import { gatherSettings } from "../../cli/gather-settings.ts";
import type { ModelsCommand } from "../../cli/models-options.ts";
import { chosenModels } from "../pull.ts";

/** `heros models ls | verify | repair | prune` */
export async function performModels(
  work: Work,
  command: ModelsCommand,
  writer: Writer,
): Promise<readonly string[]> {
  const settings = await placeModels(work, await gatherSettings(work.host, command));
  const { catalog, cacheDir } = settings;
  await requireMounted(work, cacheDir);
  const { action, models: names, yes, dryRun } = command;
  switch (action) {
    case "ls": {
      const all = command.all || command.questionFlags.tiers === undefined;
      return listModels(work, settings, chosenModels({ ...command, all }, settings));
    }
    case "verify":
    case "repair": {
      const named = names.length > 0;
      const models: readonly CatalogModel[] = named ? modelsByName(catalog, names) : catalog.models;
      const request = { fetching: settings, models, named };
      return action === "verify" ? verify(work, request) : repair(work, request);
    }
    case "prune": {
      const canRead = writer.ask !== undefined;
      const mode = dryRun ? "show" : yes ? "remove" : canRead ? "show" : "refuse";
      return pruneModels(work, { fetching: settings, mode });
    }
  }
}
