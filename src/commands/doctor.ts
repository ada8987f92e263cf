import { modelsOfTiers } from "../catalog/select.ts";
import { findProjectFolder } from "../deploy/compose/compose-files.ts";
import { late, withinLimit } from "../host/time-limit.ts";
import { detectMachine } from "../checks/detect.ts";
import { setupRefusals } from "../checks/refusals.ts";
import type { Host } from "../host/host.ts";
import type { Answers } from "../plan/questions.ts";
import type { Survey } from "../store/store.ts";
import { resolveAnswers } from "../plan/resolve.ts";
import { failure } from "../run/failures/table.ts";
import { anniePlace } from "../deploy/compose/annie-service.ts";
import type { GatheredSettings } from "./gather-settings.ts";
import { type Placed, placeModels } from "./models-place.ts";
import { viewCache } from "./models/view-cache.ts";
import type { Fetching, Work } from "./command-request.ts";
import { recallAnswers } from "./remembered-answers.ts";
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
  const answers = await answersHere(host, settings);
  const failures = setupRefusals(detection, {
    consent: answers.unsupported,
    survey: await surveyCache(work, settings, answers),
  });
  const [first] = failures;
  emit({
    type: "stage.finished",
    stage: "machine",
    outcome: first === undefined ? "done" : "failed",
  });
  if (first === undefined) return ["Ready: this machine can run Annie."];
  throw failure("doctor.problems", { first, count: failures.length }, first);
}

const limitMs = 4000;

/** What of the chosen models is in the cache, as far as it is known without asking the Hub; null where it is not. */
async function surveyCache(
  work: Work,
  fetching: Placed<Fetching>,
  { tiers }: Pick<Answers, "tiers">,
): Promise<Survey | null> {
  const models = modelsOfTiers(fetching.catalog, tiers);
  const found = await withinLimit({ host: work.host, signal: work.signal, limitMs }, () =>
    viewCache(work, { fetching, models, ask: "never" }),
  );
  const survey = found === late ? null : found.survey;
  return survey?.models.every(({ problem }) => problem === null) === true ? survey : null;
}

/** As `heros setup --yes` would take them. */
async function answersHere(host: Host, settings: GatheredSettings): Promise<Answers> {
  const { catalog, decided, stateDir } = settings;
  const remembered = (await recallAnswers(host, stateDir)).answers;
  return resolveAnswers({ catalog, decided, foundTokens: [], tokenFile: null, remembered }).answers;
}
