import { anniePort } from "../../setup/annie-port.ts";
import type { SetupRequest, Work } from "../../setup/request.ts";
import { setup } from "../../setup/setup.ts";
import type { Writer } from "../../ui/writer.ts";
import { shippedPath } from "../app-files.ts";
import { gatherSettings } from "../gather-settings.ts";
import { usageFailure, type SetupCommand } from "../program.ts";

export interface SetupTools {
  readonly command: SetupCommand;
  readonly writer: Writer;
  /** The Node that runs heros, for the demo's own processes. */
  readonly nodePath: string;
}

/** `heros setup`, for real or as a demo. */
export async function performSetup(
  work: Work,
  tools: SetupTools,
): Promise<readonly string[] | null> {
  const ask = whoAnswers(tools);
  if (tools.command.demo !== null) {
    const { performDemo } = await import("./demo.ts");
    return performDemo(work, { ...tools, ask });
  }
  return setup(work, await requestOf(work, tools.command, ask));
}

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

/** A dry run changes nothing, so without a terminal it takes the answers that it has. */
function whoAnswers({ command, writer }: SetupTools): SetupRequest["ask"] {
  if (command.yes) return null;
  if (writer.ask !== undefined) return writer.ask;
  if (command.dryRun) return null;
  throw usageFailure(
    "heros setup has questions, and nobody can answer them here\nAdd --yes to go on with the defaults, or run it in a terminal.",
  );
}
