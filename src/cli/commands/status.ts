import { placeModels } from "../../setup/models-place.ts";
import type { Work } from "../../setup/request.ts";
import { status } from "../../setup/status.ts";
import { gatherSettings } from "../gather-settings.ts";
import type { StatusCommand } from "../program.ts";

/** `heros status [--watch]` */
export async function performStatus(
  work: Work,
  command: StatusCommand,
): Promise<readonly string[]> {
  const settings = await placeModels(work, await gatherSettings(work.host, command));
  const { stackDir, port, decided } = settings;
  return status(work, { fetching: settings, stackDir, port, decided, watch: command.watch });
}
