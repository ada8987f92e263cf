import type { Command } from "commander";
import { common, commonOptions, type CommonOptions, type Values } from "./options.ts";

/** `heros catalog ls | check` */
export interface CatalogCommand extends CommonOptions {
  readonly name: "catalog";
  readonly action: "ls" | "check";
  /** Of `check`: a file, or a name of ours. */
  readonly file: string | null;
}

/** Adds the commands about catalogs. */
export function addCatalog(program: Command, parsed: (command: CatalogCommand) => void): void {
  const catalog = program
    .command("catalog")
    .description("list the catalogs of stacks, or check one")
    .helpCommand(false);
  common(catalog.command("ls"))
    .description("list the catalogs that ship with heros, and their sets of models")
    .action((values: Values) =>
      parsed({ ...commonOptions(values), name: "catalog", action: "ls", file: null }),
    );
  common(catalog.command("check"))
    .argument("<file>", "a catalog, or the name of one that ships with heros")
    .description("check a catalog, and the services that it names in its compose file")
    .action((file: string, values: Values) =>
      parsed({ ...commonOptions(values), name: "catalog", action: "check", file }),
    );
}
