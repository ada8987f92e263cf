import type { Command } from "commander";
import { addFlags, common, commonOptions, type CommonOptions, type Values } from "./options.ts";

/** `heros cache share` */
export interface CacheCommand extends CommonOptions {
  readonly name: "cache";
  readonly action: "share";
  /** None: print what any container needs. */
  readonly services: readonly string[];
  readonly readOnly: boolean;
  /** As typed; null for the usual name in the stack's folder. */
  readonly write: string | null;
  readonly dryRun: boolean;
}

/** Adds `heros cache share`. */
export function addCache(program: Command, parsed: (command: CacheCommand) => void): void {
  const cache = program
    .command("cache")
    .description("share the model cache of this machine with containers of yours")
    .helpCommand(false);
  const share = common(cache.command("share"))
    .argument("[service...]", "services of a compose file (default: print it for any container)")
    .description("show the mount that gives a container the cache, or write it for these services")
    .option("--read-only", "the models alone; the container changes nothing and asks no Hub")
    .option("--write <file>", "the file for the services (default: docker-compose.cache.yml)")
    .option("--dry-run", "show the file and write nothing")
    .action((services: readonly string[], values: Values) =>
      parsed({
        ...commonOptions(values),
        name: "cache",
        action: "share",
        services,
        readOnly: values["readOnly"] === true,
        write: typeof values["write"] === "string" ? values["write"] : null,
        dryRun: values["dryRun"] === true,
      }),
    );
  addFlags(share, { settingIds: ["stackDir", "cacheDir"] });
}
