import { detectMachine } from "../../machine/detect.ts";
import { Failure } from "../../progress/failure.ts";
import { anniePlace } from "../../setup/annie-port.ts";
import { placeModels } from "../../setup/models-place.ts";
import { tryHubOf } from "../../setup/try-hub.ts";
import { whatIsInTheWay } from "../../setup/what-is-in-the-way.ts";
import type { Work } from "../../setup/request.ts";
import { findProjectFolder } from "../../stack/compose-files.ts";
import { gatherSettings } from "../gather-settings.ts";
import type { DoctorCommand } from "../program.ts";

/**
 * `heros doctor`: the checks of the machine, each with what mends it.
 * @throws Failure `doctor.problems` where setup would refuse, with its exit status: 4, 1, 5 or 7
 */
export async function performDoctor(
  work: Work,
  command: DoctorCommand,
): Promise<readonly string[]> {
  const { host, emit, signal } = work;
  const settings = await placeModels(work, await gatherSettings(host, command));
  const { cacheDir, stackDir, endpoint, mirrors, port } = settings;
  emit({ type: "stage.started", stage: "machine" });
  const detection = await detectMachine({
    host,
    emit,
    signal,
    modelsPath: cacheDir,
    stackDir,
    projectDir: await findProjectFolder(host, stackDir),
    port: (await anniePlace(host, stackDir, port)).port,
    endpoint,
    mirrors,
    tryHub: tryHubOf(work, settings, { tokenIsAsked: false }),
  });
  const failures = await whatIsInTheWay(work, settings, detection);
  const [first] = failures;
  emit({
    type: "stage.finished",
    stage: "machine",
    outcome: first === undefined ? "done" : "failed",
  });
  if (first === undefined) return ["Nothing here keeps Annie from running."];
  throw new Failure({
    code: "doctor.problems",
    message:
      failures.length === 1
        ? first.message
        : `${failures.length} things keep Annie from running. First: ${first.message}`,
    hint: first.hint,
    exitCode: first.exitCode,
    cause: first,
  });
}
