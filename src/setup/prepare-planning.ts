import path from "node:path";
import type { CatalogModel } from "../catalog/catalog.ts";
import { modelsOfTiers } from "../catalog/select.ts";
import { requireDiskSpace } from "../download/disk-space.ts";
import { surveyModels, type Survey } from "../download/survey.ts";
import { findCacheDir } from "../hub/cache-dir.ts";
import { connectHub } from "../hub/hub.ts";
import type { Detection } from "../machine/detect.ts";
import type { Answers, StorageAnswer } from "../plan/answers.ts";
import type { Planning } from "../plan/planning.ts";
import { rememberable, resolveAnswers } from "../plan/resolve.ts";
import type { PlannedModel, PlanReady } from "../progress/events/plan.ts";
import { Failure } from "../progress/failure.ts";
import { planStack, type StackChange } from "../stack/plan-stack.ts";
import { recallAnswers, rememberAnswers } from "./remembered-answers.ts";
import type { SetupRequest, Work } from "./request.ts";
import { foundTokens, tokenOf } from "./tokens.ts";

/** Answers worked out to the last byte; nothing of it is written yet. */
export interface WorkedOut {
  readonly plan: PlanReady;
  readonly survey: Survey;
  readonly changes: readonly StackChange[];
}

export interface Prepared {
  readonly planning: Planning;
  workOut(answers: Answers, signal: AbortSignal): Promise<WorkedOut>;
}

/**
 * Gathers what the questions need: the answers so far, the tokens found, the sizes of the models.
 * @throws Failure of the Hub (2, 5), `plan.bad_answer` (2), AbortError
 */
export async function preparePlanning(
  work: Work,
  request: SetupRequest,
  detection: Detection,
): Promise<Prepared> {
  const { host, signal } = work;
  const { catalog, stateDir, stackDir, decided, tokenFile, ask } = request;
  const [remembered, tokens] = await Promise.all([
    recallAnswers(host, stateDir),
    foundTokens(host),
  ]);
  const resolved = resolveAnswers({
    catalog,
    remembered: remembered.answers,
    decided,
    foundTokens: tokens.map(({ answer }) => answer),
    tokenFile,
  });
  const storagePaths = {
    "hub-cache": findCacheDir(host),
    "stack-dir": path.join(stackDir, "models"),
  };
  const cacheDirOf = (storage: StorageAnswer) =>
    request.cacheDir ??
    (storage === "hub-cache" || storage === "stack-dir" ? storagePaths[storage] : storage);

  const survey = async (answers: Answers, models: readonly CatalogModel[], stop: AbortSignal) => {
    const hub = connectHub({ host, endpoint: request.endpoint, token: tokenOf(answers.token) });
    return surveyModels({
      host,
      hub,
      cacheDir: cacheDirOf(answers.storage),
      stateDir,
      models,
      signal: stop,
    });
  };
  const workOut = async (answers: Answers, stop: AbortSignal): Promise<WorkedOut> => {
    const surveyed = await survey(answers, modelsOfTiers(catalog, answers.tiers), stop);
    requireDiskSpace(surveyed);
    const stack = await planStack({
      host,
      assetsDir: request.assetsDir,
      plan: {
        stackDir,
        cacheDir: surveyed.cacheDir,
        tiers: answers.tiers,
        startup: answers.startup,
        token: tokenOf(answers.token),
        gpu: detection.machine.gpu !== null,
      },
    });
    const plan: PlanReady = {
      type: "plan.ready",
      dryRun: request.dryRun,
      tiers: answers.tiers,
      models: surveyed.models.map(toPlannedModel),
      totalBytes: surveyed.totalBytes,
      cachedBytes: surveyed.cachedBytes,
      startup: answers.startup,
      cacheDir: surveyed.cacheDir,
      stackDir,
      endpoint: request.endpoint,
      token: answers.token.source,
      files: stack.changes.map(({ path: file, action, diff, backupPath }) => ({
        path: file,
        action,
        ...(diff === undefined ? {} : { diff }),
        ...(backupPath === undefined ? {} : { backupPath }),
      })),
      services: stack.services,
    };
    return { plan, survey: surveyed, changes: stack.changes };
  };

  const planning: Planning = {
    machine: detection.machine,
    checks: detection.checks,
    catalog,
    models:
      ask === null
        ? []
        : (await survey(resolved.answers, catalog.models, signal)).models.map(toPlannedModel),
    tokens,
    answers: resolved.answers,
    decided:
      request.cacheDir === null
        ? resolved.decided
        : new Set([...resolved.decided, "storage" as const]),
    resumed: remembered.interrupted,
    storagePaths,
    bytesPerSecond: null,
    preview: async (answers, stop = signal) => (await workOut(answers, stop)).plan,
    checkToken: async (token, stop = signal) => {
      try {
        const { name } = await connectHub({ host, endpoint: request.endpoint, token }).whoAmI(stop);
        return { ok: true, user: name };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { ok: false, message: error.message };
      }
    },
    remember: (answers) =>
      rememberAnswers(host, { stateDir, answers: rememberable(answers), finished: false }),
  };
  return { planning, workOut };
}

function toPlannedModel({
  id,
  title,
  purpose,
  tier,
  totalBytes,
  cachedBytes,
}: PlannedModel): PlannedModel {
  return { id, title, purpose, tier, totalBytes, cachedBytes };
}
