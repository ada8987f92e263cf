import { modelsOfTiers } from "../catalog/select.ts";
import { requireDiskSpace } from "../download/disk-space.ts";
import { type Detection, unsupportedFailure } from "../machine/detect.ts";
import { late, withinLimit } from "../machine/time-limit.ts";
import { resolveAnswers, type AnswerValues } from "../plan/resolve.ts";
import { Failure } from "../progress/failure.ts";
import type { Placed } from "./models-place.ts";
import { viewCache } from "./models-survey.ts";
import { recallAnswers } from "./remembered-answers.ts";
import type { Fetching, Work } from "./request.ts";
import { isIncomplete } from "./require-place.ts";

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
