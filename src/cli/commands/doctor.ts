import { detectMachine } from "../../machine/detect.ts";
import { exitCodes, Failure } from "../../progress/failure.ts";
import { anniePlace } from "../../setup/annie-port.ts";
import { placeModels } from "../../setup/models-place.ts";
import type { Work } from "../../setup/request.ts";
import { findProjectFolder } from "../../stack/compose-files.ts";
import { gatherSettings } from "../gather-settings.ts";
import type { DoctorCommand } from "../program.ts";

/**
 * `heros doctor`: the checks of the machine, each with what mends it.
 * @throws Failure `doctor.problems` (exit 4) where something keeps Annie from running
 */
export async function performDoctor(
  work: Work,
  command: DoctorCommand,
): Promise<readonly string[]> {
  const { host, emit, signal } = work;
  const settings = await placeModels(work, await gatherSettings(host, command));
  const { cacheDir, stackDir, endpoint, mirrors, port } = settings;
  emit({ type: "stage.started", stage: "machine" });
  const { problems } = await detectMachine({
    host,
    emit,
    signal,
    modelsPath: cacheDir,
    stackDir,
    projectDir: await findProjectFolder(host, stackDir),
    port: (await anniePlace(host, stackDir, port)).port,
    endpoint,
    mirrors,
  });
  const [first] = problems;
  emit({
    type: "stage.finished",
    stage: "machine",
    outcome: first === undefined ? "done" : "failed",
  });
  if (first === undefined) return ["Nothing here keeps Annie from running."];
  throw new Failure({
    code: "doctor.problems",
    message:
      problems.length === 1
        ? first.message
        : `${problems.length} things keep Annie from running. First: ${first.message}`,
    hint: first.hint,
    exitCode: exitCodes.machine,
  });
}
