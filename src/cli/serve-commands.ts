import type { Command } from "commander";
import { settings } from "../plan/settings.ts";
import { addFlags, common, commonOptions, type CommonOptions, type Values } from "./options.ts";

/** `heros serve` */
export interface ServeCommand extends CommonOptions {
  readonly name: "serve";
  /** No Hub is asked for what is missing. */
  readonly offline: boolean;
}

/** Adds `heros serve`. */
export function addServe(program: Command, parsed: (command: ServeCommand) => void): void {
  const serve = common(program.command("serve"))
    .description("let other machines and programs download from this machine, as from the Hub")
    .option("--offline", "only what is here: no Hub is asked for what is missing")
    .action((values: Values) => {
      const own = commonOptions(values);
      // Its tokens are this server's own, not the Hub's.
      const { token: _ofServer, ...questionFlags } = own.questionFlags;
      const { tokenFile } = values;
      const { serveTokens: _other, ...settingFlags } = own.settingFlags;
      const tokens = typeof tokenFile === "string" ? { serveTokens: tokenFile } : {};
      const offline = values["offline"] === true;
      parsed({
        ...own,
        name: "serve",
        questionFlags,
        settingFlags: { ...settingFlags, ...tokens },
        offline,
      });
    });
  const own = settings.filter(({ serveOnly }) => serveOnly === true).map(({ id }) => id);
  addFlags(serve, {
    settingIds: ["cacheDir", "stackDir", "catalog", "limitRate", "maxConnections", ...own],
  });
}
