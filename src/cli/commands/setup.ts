import { rootNotice } from "../../setup/root-notice.ts";
import type { SetupRequest, Work } from "../../setup/request.ts";
import { setup } from "../../setup/setup.ts";
import type { Writer } from "../../ui/writer.ts";
import { gatherSettings } from "../gather-settings.ts";
import type { Handed } from "../handed.ts";
import type { Leaving } from "../leaving.ts";
import { usageFailure } from "../options.ts";
import type { SetupCommand } from "../program.ts";
import { settledSetup } from "../settled-setup.ts";
import { requestOf } from "./request-of.ts";

export interface SetupTools {
  readonly command: SetupCommand;
  readonly writer: Writer;
  /** The Node that runs heros, for the demo's own processes. */
  readonly nodePath: string;
  readonly leaving: Leaving;
  readonly handed: Handed;
}

/** `heros setup`, for real or as a demo. */
export async function performSetup(
  work: Work,
  { command, writer, nodePath, leaving, handed }: SetupTools,
): Promise<readonly string[] | null> {
  const ask = whoAnswers(command, writer);
  const mend = ask === null ? null : (writer.mend ?? null);
  const { demo } = command;
  if (demo === null) {
    const { dryRun } = command;
    const settings = await gatherSettings(work.host, command);
    const request = await requestOf(work.host, settings, { dryRun, ask });
    const onSettled: SetupRequest["onSettled"] = (answers, countedFromMs) => {
      leaving.settled = async () => ({
        ...(await settledSetup(work.host, request, answers)),
        countedFromMs,
      });
    };
    const notice = await rootNotice(work.host, request.stackDir);
    if (notice !== null) work.emit(notice);
    return setup(work, { ...request, mend, onSettled });
  }
  const { performDemo } = await import("./demo.ts");
  return performDemo(work, { command, demo, ask, mend, nodePath, leaving, left: handed.demo });
}

/** A dry run changes nothing, so without a terminal it takes the answers that it has. */
function whoAnswers(command: SetupCommand, writer: Writer): SetupRequest["ask"] {
  if (command.yes) return null;
  if (writer.ask !== undefined) return writer.ask;
  if (command.dryRun) return null;
  const where =
    command.output === "auto"
      ? "without an interactive terminal"
      : `with --output ${command.output}`;
  throw usageFailure(
    `heros setup can't ask its questions ${where}\nAdd --yes to take the defaults, or use --output accessible to answer line by line.`,
  );
}
