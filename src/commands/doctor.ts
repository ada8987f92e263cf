import { memoryGibOf, modelsOfTiers } from "../catalog/catalog.ts";
import { findProjectFolder } from "../deploy/compose/compose-files.ts";
import { detectMachine, refusalOf, setupRefusals } from "../checks/detect.ts";
import type { Host } from "../host/host.ts";
import type { Answers } from "../plan/questions.ts";
import { resolveAnswers } from "../plan/resolve.ts";
import { failure } from "../run/failures/table.ts";
import { anniePlace } from "../deploy/compose/annie-service.ts";
import { type GatheredSettings, recallAnswers } from "./gather-settings.ts";
import { placeModels } from "./models-place.ts";
import { surveyKept } from "./models/view-cache.ts";
import type { Work } from "./command-request.ts";
import { tryHubOf } from "./open-hub.ts";

/**
 * `heros doctor`: the checks of the machine, each with what fixes it.
 * @throws Failure `doctor.problems` where setup would refuse, with its exit status: 4, 1, 5 or 7
 */
export async function performDoctor(
  work: Work,
  given: GatheredSettings,
): Promise<readonly string[]> {
  const { host, emit, signal } = work;
  const settings = await placeModels(work, given);
  const { cacheDir, stackDir, endpoint, mirrors, port } = settings;
  emit({ type: "stage.started", stage: "machine" });
  const answers = await answersHere(host, settings);
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
    modelsGib: memoryGibOf(modelsOfTiers(settings.catalog, answers.tiers)),
    consent: answers.unsupported ? "given" : "missing",
  });
  const failures = setupRefusals(detection, await surveyKept(work, settings, answers.tiers));
  const [first, ...others] = failures;
  emit({
    type: "stage.finished",
    stage: "machine",
    outcome: first === undefined ? "done" : "failed",
  });
  if (first === undefined) return ["Ready: this machine can run Annie."];
  // A disk that is too small for what is chosen is no check's finding: it would not be told otherwise.
  const told = detection.checks.flatMap(({ status, code }) => (status === "failed" ? [code] : []));
  const untold = others.filter(({ code }) => !told.includes(code));
  const all = failure("doctor.problems", { first, count: failures.length }, first);
  throw refusalOf(all, untold);
}

/** As `heros setup --yes` would take them. */
async function answersHere(host: Host, settings: GatheredSettings): Promise<Answers> {
  const { catalog, decided, stateDir } = settings;
  const remembered = (await recallAnswers(host, stateDir)).answers;
  return resolveAnswers({ catalog, decided, foundTokens: [], tokenFile: null, remembered }).answers;
}
