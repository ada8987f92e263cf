import path from "node:path";
import type { Command } from "commander";
import { addFlags, common, commonOptions, type CommonOptions, type Values } from "./options.ts";

/** `heros export compose` */
export interface ExportComposeCommand extends CommonOptions {
  readonly name: "export compose";
  /** As typed; null where none is named. */
  readonly out: string | null;
}

export function addExportCompose(
  exported: Command,
  parsed: (command: ExportComposeCommand) => void,
): void {
  const compose = common(exported.command("compose"))
    .description("write the stack as one compose file; passwords stay in .env")
    .option("--out <file>", `where to write (default: ${usualFile} in this folder)`)
    .action((values: Values) => {
      const { out } = values;
      parsed({
        ...commonOptions(values),
        name: "export compose",
        out: typeof out === "string" ? out : null,
      });
    });
  addFlags(compose, { settingIds: ["stackDir", "stack"] });
}

/** No name that compose looks for by itself. */
const usualFile = "docker-compose.export.yml";

/** Absolute: where it is written. */
export function composeOut({ out }: ExportComposeCommand, cwd: string): string {
  return path.resolve(cwd, out ?? usualFile);
}
