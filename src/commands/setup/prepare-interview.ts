import {
  capabilitiesOf,
  type CatalogModel,
  modelsOfGroups,
  prioritiesOf,
  requiredGroups,
} from "../../catalog/catalog.ts";
import { memoryOfServices } from "../stack/services-memory.ts";
import { type StackChange, toPlannedFiles } from "../../deploy/compose/deployment.ts";
import { type BakedRepo, withoutBaked } from "../../catalog/baked.ts";
import { findStack } from "../../deploy/compose/read-stack.ts";
import { planDeployment } from "../../deploy/compose/plan.ts";
import type { Stack } from "../../catalog/stack.ts";
import type { StackConfig } from "../../docker/compose.ts";
import type { Detection } from "../../checks/detect.ts";
import type { Interview } from "../../plan/interview.ts";
import { type Answers, questions } from "../../plan/questions.ts";
import { rememberable, resolveAnswers } from "../../plan/resolve.ts";
import type { PlanReady } from "../../run/events/plan.ts";
import type { Notice } from "../../run/events/run.ts";
import { unlessFailed } from "../../run/concurrency.ts";
import { Failure } from "../../run/failure.ts";
import { expandPath } from "../../source/hub/environment.ts";
import { headroom, type Store, type Survey } from "../../store/store.ts";
import { openHubCache } from "../../store/hub-cache/hub-cache.ts";
import {
  type ModelPlaces,
  overruledNotice,
  placeFailureOf,
  placesIn,
  requireWritable,
} from "../models-place.ts";
import { reachFormer, reachStorage, storagePaths } from "../reach-storage.ts";
import type { FoundVolume } from "../../plan/storage.ts";
import { stackPlan } from "../stack/stack-plan.ts";
import { foundTokens, openHub, tokenOf } from "../open-hub.ts";
import type { SetupRequest, Work } from "../command-request.ts";
import { enabledGroups } from "../stack/enabled-groups.ts";
import { openModelDoors } from "../models/model-doors.ts";
import type { Source } from "../../source/source.ts";
import { capacityOf, fittingCatalog } from "../../catalog/capacity.ts";
import { requireFitting, withoutMisfits } from "./misfits.ts";
import { bakedByRegistry, findBakedInEngine } from "../stack/find-baked.ts";
import { findBootService, type PlannedResume, planResume } from "./resume-at-boot.ts";
import { requireUsable } from "./require-usable.ts";
import { measureSpeed } from "./measure-speed.ts";
import {
  inOrderOf,
  isKept,
  plannedDisks,
  plannedMemory,
  refuse,
  toBakedModel,
  toPlannedModel,
  volumeNotice,
} from "./planned-parts.ts";
import { surveyModels } from "../download-models.ts";
import { recallAnswers, rememberAnswers } from "../remembered-answers.ts";
import type { FoundImages } from "../images/find-images.ts";

/** Answers worked out to the last byte; nothing of it is written yet. */
export interface WorkedOut {
  readonly plan: PlanReady;
  /** Of the models. */
  readonly survey: Survey;
  readonly source: Source;
  readonly store: Store;
  /** Null where Docker pulls all of them itself. */
  readonly images: FoundImages | null;
  /** What compose makes of the files; null where there is none to ask. */
  readonly config: StackConfig | null;
  readonly changes: readonly StackChange[];
  readonly resume: PlannedResume;
  /** What the person should know of their own compose files before anything starts. */
  readonly notices: readonly Notice[];
}

export interface Prepared {
  readonly interview: Interview;
  workOut(answers: Answers, signal: AbortSignal): Promise<WorkedOut>;
}

/**
 * Gathers what the questions need: the answers so far, the tokens found, the sizes of the models.
 * @throws Failure of the Hub (2, 5), `plan.bad_answer` (2), AbortError
 */
export async function prepareInterview(
  work: Work,
  request: SetupRequest,
  detection: Detection,
): Promise<Prepared> {
  const { host, emit, signal } = work;
  const { stateDir, stackDir, decided, tokenFile, person } = request;
  const capacity = capacityOf(detection.machine);
  const catalog = fittingCatalog(request.catalog, capacity);
  const { stack: core } = catalog;
  const [remembered, tokens] = await Promise.all([
    recallAnswers(host, stateDir, stackDir),
    foundTokens(host, stackDir),
  ]);
  const resolved = resolveAnswers({
    catalog,
    remembered: remembered.answers,
    decided,
    foundTokens: tokens.map(({ answer }) => answer),
    tokenFile,
    enabledGroups: await enabledGroups(host, stackDir, catalog),
  });
  const { overruled } = remembered;
  if (overruled !== null && !resolved.decided.has("storage") && request.cacheDir === null) {
    emit(overruledNotice(overruled));
  }
  const paths = storagePaths(host, stackDir);
  const isUndecided = request.cacheDir === null && !resolved.decided.has("storage");
  const isNew = isUndecided && remembered.earlier === "none" && remembered.overruled === null;
  const isAsked = person.ask !== undefined;
  const volumes = (isAsked ? isUndecided : isNew)
    ? await volumesOf(work, { stack: core, stackDir })
    : [];
  const [fullest] = volumes;
  // Who is not asked gets the default, and hears of what could be reused.
  if (fullest !== undefined && !isAsked) emit(volumeNotice(fullest));
  const bootService = request.program === undefined ? null : await findBootService(host);
  const wasAskedOfBoot =
    resolved.decided.has("resumeAtBoot") || remembered.answers.resumeAtBoot !== undefined;
  // Who is asked can say no to what is best for most.
  const suggested: Partial<Answers> = !isAsked
    ? {}
    : {
        ...(fullest === undefined || !isNew ? {} : { storage: `volume:${fullest.name}` }),
        ...(bootService === null || wasAskedOfBoot ? {} : { resumeAtBoot: true }),
      };
  const isGroupsDecided = resolved.decided.has("groups");
  const fitting = isGroupsDecided ? null : withoutMisfits(catalog, resolved.answers, capacity);
  for (const notice of fitting?.notices ?? []) emit(notice);
  const start: Answers = { ...resolved.answers, ...fitting?.answers, ...suggested };

  const folders = await reachFormer(host, { stackDir, former: remembered.former, signal });
  const placesOf = async ({ storage }: Answers, stop: AbortSignal): Promise<ModelPlaces> => {
    const { layout } = core;
    if (request.cacheDir !== null) {
      return placesIn(host, { storage: "hub-cache", folder: request.cacheDir, layout });
    }
    const folder = await reachStorage(host, { stackDir, storage, signal: stop });
    return placesIn(host, { storage, folder, layout });
  };
  const hubStoreOf = ({ cacheDir }: ModelPlaces) => {
    const others = folders.filter((folder) => folder !== cacheDir);
    const earlier = others.length === 0 ? undefined : { folders: others, signal };
    return openHubCache({ host, cacheDir, earlier, mounted: true });
  };
  const doorsOf = async (answers: Answers, models: readonly CatalogModel[], stop: AbortSignal) => {
    const places = await placesOf(answers, stop);
    const hubStore = hubStoreOf(places);
    const fetching = { ...request, ...places };
    return openModelDoors(work, { fetching, token: answers.token, models, hubStore });
  };
  const requiredPriorities = prioritiesOf(catalog, requiredGroups(catalog));
  const survey = async (answers: Answers, models: readonly CatalogModel[], stop: AbortSignal) => {
    const { source, store, fallback } = await doorsOf(answers, models, stop);
    return surveyModels({
      source,
      store,
      models,
      signal: stop,
      fallback,
      requiredPriorities,
      // The screen can still ask for the token that a model wants.
      lenient: models === catalog.models,
    });
  };
  /** A token that the Hub refused meanwhile is neither used nor kept. */
  const unlessRefused = (answers: Answers): Answers => {
    const token = tokenOf(answers.token);
    const refused = token !== null && work.endpoints.refusedTokens.has(token);
    return refused ? { ...answers, token: { source: "none" } } : answers;
  };
  // Where nobody is asked, only the chosen models are listed, when they are worked out.
  const everything =
    person.ask === undefined
      ? null
      : await survey(await reachable(work, stackDir, start), catalog.models, signal);
  const first = unlessRefused(start);
  const measure = (of: Survey, { token }: Answers, stop: AbortSignal) =>
    measureSpeed({
      host,
      hub: openHub(work, request, token),
      survey: of,
      models: catalog.models,
      limitBytesPerSecond: request.limitBytesPerSecond,
      signal: stop,
    });
  const measured = everything === null ? null : await measure(everything, first, signal);
  /** Registries are asked once for the same images, however often the plan is looked at. */
  const asked = new Map<string, FoundImages | null>();
  const findImages = async (config: StackConfig, cacheDir: string, stop: AbortSignal) => {
    const services = Object.values(config.services);
    const key = JSON.stringify([cacheDir, services.map(({ image }) => image)]);
    const known = asked.get(key);
    if (known !== undefined) return known;
    const wanted = {
      ownService: core.service,
      config,
      cacheDir,
      keep: request.keepImages,
      endpoints: [request.endpoint, ...request.mirrors],
      strict: false,
    };
    // Brings what speaks to registries.
    const { findStackImages } = await import("../images/find-images.ts");
    const found = await findStackImages(work, wanted, stop);
    asked.set(key, found);
    return found;
  };
  const { assetsDir } = request;
  const stack = findStack({ host, stack: core, stackDir, assetsDir });
  stack.catch(() => {});
  const readStack = () => stack;
  const bakedInEngine = findBakedInEngine(work, { readStack, catalog });
  bakedInEngine.catch(() => {});
  /** Usually nothing is baked: the Hub is asked meanwhile. */
  const surveyUnbaked = async (
    given: Answers,
    repos: Promise<readonly BakedRepo[]>,
    stop: AbortSignal,
  ) => {
    const all = modelsOfGroups(catalog, given.groups);
    const surveying = survey(given, all, stop);
    surveying.catch(() => {});
    const { models: left, baked } = withoutBaked(all, await repos);
    const isWhole = left.every((model, index) => model === all[index]) && baked.length === 0;
    return { baked, surveyed: await (isWhole ? surveying : survey(given, left, stop)) };
  };
  const planStack = async (answers: Answers, stop: AbortSignal) => {
    const places = await placesOf(answers, stop);
    return planDeployment({
      host,
      stackDir,
      assetsDir,
      plan: stackPlan({
        catalog,
        answers,
        places,
        isGiven: request.cacheDir !== null,
        endpoint: request.endpoint,
        port: request.port,
        capacity,
      }),
    });
  };
  const workOut = async (
    given: Answers,
    stop: AbortSignal,
    repos = bakedInEngine,
  ): Promise<WorkedOut> => {
    requireFitting(catalog, given, capacity);
    // What is wrong with the user's own files needs no Hub to be told.
    const planning = planStack(given, stop);
    planning.catch(() => {});
    const { surveyed, baked } = await unlessFailed(planning, stop, (either) =>
      surveyUnbaked(given, repos, either),
    );
    const answers = unlessRefused(given);
    const place = await placeFailureOf(work, surveyed);
    const models = modelsOfGroups(catalog, answers.groups);
    const { source, store } = await doorsOf(answers, models, stop);
    const own = { store, survey: surveyed };
    refuse({ survey: surveyed, needs: await own.store.neededSpace(surveyed) }, place);
    const { changes, services, config, notices } = await (answers === given
      ? planning
      : planStack(answers, stop));
    if (changes.some(({ action }) => action !== "unchanged")) {
      await requireWritable(work, stackDir, "stack");
    }
    const images = config === null ? null : await findImages(config, surveyed.cacheDir, stop);
    const known = await repos;
    const more = known.length > 0 || config === null ? [] : bakedByRegistry(core, config, images);
    if (more.length > 0) return workOut(given, stop, Promise.resolve(more));
    const { imageNotices, neededSpace, plannedImages, withFoundImages } =
      await import("../images/find-images.ts");
    const needs = await neededSpace(own, images);
    refuse({ survey: withFoundImages(surveyed, images), needs }, null);
    // Who is not asked, and only wants to know, is told as much as who is.
    const isOnlyTold = request.dryRun && person.ask === undefined;
    const bytesPerSecond = isOnlyTold ? await measure(surveyed, answers, stop) : measured;
    const answerLines = questions.flatMap(({ planLine }) => planLine(answers) ?? []);
    const isUnfinished = [surveyed, ...(images === null ? [] : plannedImages(images))].some(
      ({ totalBytes, cachedBytes }) => cachedBytes < totalBytes,
    );
    const resume = await planResume(host, request, { answers, unfinished: isUnfinished });
    const plan: PlanReady = {
      type: "plan.ready",
      dryRun: request.dryRun,
      tiers: prioritiesOf(catalog, answers.groups),
      groups: answers.groups,
      models: inOrderOf(models, [
        ...surveyed.models.map(toPlannedModel),
        ...baked.map(toBakedModel),
      ]),
      capabilities: capabilitiesOf(models),
      totalBytes: surveyed.totalBytes,
      cachedBytes: surveyed.cachedBytes + surveyed.resumedBytes,
      ...(images === null ? {} : { images: plannedImages(images) }),
      disks: plannedDisks(needs),
      memory: plannedMemory(models, memoryOfServices(catalog, config), detection.machine),
      ...(bytesPerSecond === null ? {} : { bytesPerSecond }),
      startup: answers.startup,
      cacheDir: surveyed.cacheDir,
      stackDir,
      endpoint: request.endpoint,
      ...(request.otherPort === undefined ? {} : { otherPort: request.otherPort }),
      token: answers.token.source,
      ...(answers.token.source === "none" ? {} : { tokenKept: isKept(answers) }),
      ...(answerLines.length === 0 ? {} : { answerLines }),
      files: [...toPlannedFiles(changes), ...(resume.unit === null ? [] : [resume.unit.file])],
      services,
    };
    const told = [...notices, ...resume.notices, ...(images === null ? [] : imageNotices(images))];
    return {
      plan,
      survey: surveyed,
      source,
      store,
      images,
      config,
      changes,
      resume,
      notices: told,
    };
  };

  const interview: Interview = {
    machine: detection.machine,
    capacity,
    checks: detection.checks,
    catalog,
    servicesGib: memoryOfServices(catalog, await stack.catch(() => null)),
    models: (everything?.models ?? []).map(toPlannedModel),
    tokens: tokens.filter(({ answer }) => !work.endpoints.refusedTokens.has(answer.token)),
    answers: first,
    decided:
      request.cacheDir === null
        ? resolved.decided
        : new Set([...resolved.decided, "storage" as const]),
    earlier: remembered.earlier,
    storagePaths: paths,
    volumes,
    bootService,
    bytesPerSecond: measured,
    spareBytes: headroom,
    expandPath: (typed) => expandPath(typed, host),
    preview: async (answers, stop = signal) => (await workOut(answers, stop)).plan,
    checkFolder: async (answers, stop = signal) => {
      const store = hubStoreOf(await placesOf(answers, stop));
      const models = modelsOfGroups(catalog, answers.groups);
      await requireUsable(work, { store, survey: () => survey(answers, models, stop) });
    },
    checkToken: async (token, stop = signal) => {
      try {
        const { name } = await openHub(work, request, { source: "pasted", token }).whoAmI(stop);
        return { ok: true, user: name };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { ok: false, message: error.message };
      }
    },
    remember: (answers) => {
      const { given = {} } = request;
      const kept = { stateDir, stackDir, answers: rememberable(answers), given, finished: false };
      return rememberAnswers(host, kept);
    },
  };
  return { interview, workOut };
}

/** Loaded where there is something to choose. */
async function volumesOf(
  work: Work,
  asked: { readonly stack: Stack; readonly stackDir: string },
): Promise<readonly FoundVolume[]> {
  const { findVolumes } = await import("./find-volumes.ts");
  return findVolumes(work, asked);
}

/** What is shown before the first question needs some place; the question then says what is wrong with a kept one. */
async function reachable(
  { host, signal }: Work,
  stackDir: string,
  answers: Answers,
): Promise<Answers> {
  try {
    await reachStorage(host, { stackDir, storage: answers.storage, signal });
    return answers;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ...answers, storage: "hub-cache" };
  }
}
