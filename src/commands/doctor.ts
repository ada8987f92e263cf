import { modelsOfTiers } from "../catalog/select.ts";
import { findProjectFolder } from "../deploy/compose/compose-files.ts";
import { late, withinLimit } from "../host/time-limit.ts";
import { type Detection, detectMachine, unsupportedFailure } from "../checks/detect.ts";
import { type AnswerValues, resolveAnswers } from "../plan/resolve.ts";
import { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { requireDiskSpace } from "../store/disk-space.ts";
import { anniePlace } from "../deploy/compose/annie-service.ts";
import type { GatheredSettings } from "./gather-settings.ts";
import { type Placed, placeModels } from "./models-place.ts";
import { viewCache } from "./models/view-cache.ts";
import type { Fetching, Work } from "./request.ts";
import { isIncomplete } from "./models-place.ts";
import { recallAnswers } from "./remembered-answers.ts";
import { tryHubOf } from "./open-hub.ts";

/**
 * `heros doctor`: the checks of the machine, each with what mends it.
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
  throw failure("doctor.problems", { first, count: failures.length }, first);
}

export interface JudgedSettings extends Placed<Fetching> {
  readonly decided: readonly AnswerValues[];
}

const limitMs = 4000;

/**
 * Everything that `heros setup --yes` would refuse here, the most important first: what the machine lacks, a machine that is
 * no Spark without consent, and, where models are still to be fetched, a place, a disk or a Hub that is not fit for it.
 * @throws AbortError
 */
export async function whatIsInTheWay(
  work: Work,
  settings: JudgedSettings,
  detection: Detection,
): Promise<readonly Failure[]> {
  const { catalog, decided, stateDir } = settings;
  const remembered = await recallAnswers(work.host, stateDir);
  const sources = { catalog, decided, foundTokens: [], tokenFile: null };
  const { answers } = resolveAnswers({ ...sources, remembered: remembered.answers });
  const unsupported = answers.unsupported ? null : unsupportedFailure(detection.machine);
  const models = modelsOfTiers(catalog, answers.tiers);
  const found = await withinLimit({ host: work.host, signal: work.signal, limitMs }, () =>
    viewCache(work, { fetching: settings, models, ask: "never" }),
  );
  const survey = found === late ? null : found.survey;
  const known = survey !== null && survey.models.every(({ problem }) => problem === null);
  const complete = known && !isIncomplete(survey);
  const forModels = complete
    ? []
    : [
        detection.placeFailure,
        known ? failureOf(() => requireDiskSpace(survey)) : null,
        detection.hubFailure,
      ];
  return [...detection.problems, unsupported, ...forModels].filter((each) => each !== null);
}

function failureOf(check: () => void): Failure | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}
