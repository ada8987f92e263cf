import type { Command } from "commander";
import { addFlags, common, commonOptions, type CommonOptions, type Values } from "./options.ts";

export const modelsActions = ["ls", "verify", "repair", "prune"] as const;

export interface ModelsCommand extends CommonOptions {
  readonly name: "models";
  readonly action: (typeof modelsActions)[number];
  /** Ids of the catalog or repositories. */
  readonly models: readonly string[];
  readonly all: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
}

/** Adds `heros models ls | verify | repair | prune`. @returns all commands that were added */
export function addModels(
  program: Command,
  parsed: (command: ModelsCommand) => void,
): readonly Command[] {
  const models = program
    .command("models")
    .description("the models in the cache: ls, verify, repair, prune")
    .helpCommand(false);
  const take = (action: ModelsCommand["action"], names: readonly string[], values: Values) =>
    parsed({
      ...commonOptions(values),
      name: "models",
      action,
      models: names,
      all: values["all"] === true,
      yes: values["yes"] === true,
      dryRun: values["dryRun"] === true,
    });
  const names = "ids of the catalog, or repositories; none means those that the cache has";

  const ls = common(models.command("ls"))
    .description("each model of the catalog: here, partly here or missing, its size, and where")
    .option("--all", "the models of every tier, as without --tiers")
    .action((values: Values) => take("ls", [], values));
  const verify = common(models.command("verify"))
    .argument("[model...]", names)
    .description("hash every cached file; changes nothing")
    .action((chosen: string[], values: Values) => take("verify", chosen, values));
  const repair = common(models.command("repair"))
    .argument("[model...]", names)
    .description("verify, then fetch again what is damaged or missing")
    .action((chosen: string[], values: Values) => take("repair", chosen, values));
  const prune = common(models.command("prune"))
    .description("remove what nothing needs from the repositories of the catalog")
    .option("-y, --yes", "remove it; without this it is only shown")
    .option("--dry-run", "show what would be removed, and remove none of it")
    .action((values: Values) => take("prune", [], values));

  const everywhere = ["cacheDir", "catalog", "endpoint"] as const;
  addFlags(ls, { questionIds: ["tiers", "token"], settingIds: everywhere });
  addFlags(verify, { questionIds: ["token"], settingIds: everywhere });
  addFlags(repair, {
    questionIds: ["token"],
    settingIds: [...everywhere, "limitRate", "maxLanes"],
  });
  addFlags(prune, { questionIds: ["token"], settingIds: everywhere });
  return [models, ls, verify, repair, prune];
}
