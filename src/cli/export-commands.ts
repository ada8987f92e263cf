import type { Command } from "commander";
import { addExportCompose, type ExportComposeCommand } from "./export-compose.ts";

/** `heros export …` */
export type ExportCommand = ExportComposeCommand;

/** Adds the commands that write a stack, or its models, for other tools to run. */
export function addExport(program: Command, parsed: (command: ExportCommand) => void): void {
  const exported = program
    .command("export")
    .description("write the stack, or its models, for other tools to run")
    .helpCommand(false);
  addExportCompose(exported, parsed);
}
