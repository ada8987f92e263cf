import { detectMachine, type Detection } from "../../checks/detect.ts";
import { failedChecks } from "../../checks/refusals.ts";
import { modelsPlace } from "../models-place.ts";
import { recallAnswers } from "../remembered-answers.ts";
import { findProjectFolder } from "../../deploy/compose/compose-files.ts";
import { tryHubOf } from "../open-hub.ts";
import type { SetupRequest, Work } from "../request.ts";

/**
 * Looks at the machine, again and again where somebody mends it meanwhile.
 * @returns null where the person stops although nothing is in the way
 * @throws Failure of exit status 4 for what keeps Annie from running; AbortError
 */
export async function lookAtMachine(
  { host, emit, signal }: Work,
  request: SetupRequest,
): Promise<Detection | null> {
  const { stackDir, stateDir, port, endpoint, mirrors, dryRun, person } = request;
  const { remedy } = person;
  const modelsPath = modelsPlace(host, request, await recallAnswers(host, stateDir));
  const tryHub = tryHubOf({ host }, request, { tokenIsAsked: person.ask !== undefined });
  for (;;) {
    emit({ type: "stage.started", stage: "machine" });
    const detection = await detectMachine({
      host,
      emit,
      signal,
      modelsPath,
      stackDir,
      projectDir: await findProjectFolder(host, stackDir),
      port,
      endpoint,
      mirrors,
      tryHub,
    });
    const failed = failedChecks(detection);
    const [problem] = detection.problems;
    if (dryRun || remedy === undefined || failed === null) {
      if (problem !== undefined && !dryRun) throw problem;
      return detection;
    }
    const choice = await remedy(failed, signal);
    if (choice === "again") continue;
    if (problem !== undefined) throw problem;
    return choice === "onward" ? detection : null;
  }
}
