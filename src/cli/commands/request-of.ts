import { anniePort } from "../../setup/annie-port.ts";
import type { SetupRequest, Work } from "../../setup/request.ts";
import { shippedPath } from "../app-files.ts";
import { gatherSettings } from "../gather-settings.ts";
import type { SetupCommand } from "../program.ts";

/** What setup is asked to do, by flags, environment and config file. */
export async function requestOf(
  work: Work,
  command: SetupCommand,
  ask: SetupRequest["ask"],
): Promise<SetupRequest> {
  const settings = await gatherSettings(work.host, command);
  return {
    ...settings,
    port: await anniePort(work.host, settings.stackDir, settings.port),
    assetsDir: shippedPath("assets"),
    dryRun: command.dryRun,
    ask,
  };
}
