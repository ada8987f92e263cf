import path from "node:path";
import {
  capabilitiesOf,
  type CatalogModel,
  modelsOfGroups,
  requiredGroups,
} from "../../catalog/catalog.ts";
import { lazily } from "../../checks/ask-machine.ts";
import type { Wanted } from "../../checks/detect.ts";
import type {
  HealthFound,
  FilesFound,
  ImagesFound,
  Installation,
  MountsFound,
  Obstacle,
  TokenFound,
} from "../../checks/installation.ts";
import { coreCache, type CoreOf, type StackAddress } from "../../deploy/compose/core-service.ts";
import { isSetUp, stackFlag } from "../../deploy/compose/compose-files.ts";
import { type ListRequest, readStackConfig, type StackConfig } from "../../docker/compose.ts";
import { askMounts, type Listing } from "../../docker/containers.ts";
import { listWithLoops } from "../../docker/inspect-containers.ts";
import { findEngineImage } from "../../docker/engine-images.ts";
import { askStack } from "../../health/health.ts";
import { isS3 } from "../../run/repos/s3.ts";
import { isHubOffline } from "../../source/hub/environment.ts";
import type { Secret } from "../../run/secret.ts";
import { isOpenToOthers } from "../../deploy/compose/readers.ts";
import { foundTokens } from "../open-hub.ts";
import type { StackChange } from "../../deploy/compose/deployment.ts";
import { findLeftNames } from "../../docker/hand-over.ts";
import { findRunning } from "../../record/find-running.ts";
import { backgroundDirOf } from "../../record/state-dir.ts";
import { type EnvState, findEnvState } from "./env-state.ts";
import { stackPlan } from "../stack/stack-plan.ts";
import type { Host } from "../../host/host.ts";
import { answerLimitMs, impatient, late, type Late, withinLimit } from "../../host/time-limit.ts";
import type { Answers } from "../../plan/questions.ts";
import type { GpuTrialRequest } from "../../machine/gpu-in-containers.ts";
import { readCertificateFiles } from "../../machine/certificates.ts";
import { Failure } from "../../run/failure.ts";
import { capacityOf } from "../../catalog/capacity.ts";
import type { Machine } from "../../run/events/machine.ts";
import { healthQuestion } from "../stack/health-question.ts";
import { questionFor } from "../stack/question-for.ts";
import { openHubCache } from "../../store/hub-cache/hub-cache.ts";
import { findRepoObstacle } from "../../store/hub-cache/prepare.ts";
import type { Survey } from "../../store/store.ts";
import type { Work } from "../command-request.ts";
import { findTrouble } from "./container-trouble.ts";
import type { FoundImages, ImagesRequest } from "../images/find-images.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { wantedOf } from "../models/view-cache.ts";
import { viewUnbaked } from "../stack/find-baked.ts";
import type { Placed } from "../models-place.ts";

export interface InstallationRequest {
  readonly settings: Placed<GatheredSettings>;
  /** Absolute: the folder that ships with heros. */
  readonly assetsDir: string;
  readonly answers: Answers;
  /** Where the stack answers, or should. */
  readonly address: StackAddress;
  /** The folder of the models was given, whatever the answers say of storage. */
  readonly isGiven: boolean;
  /** The models can't be reached where the answers say. */
  readonly isOutOfReach: boolean;
  /** Tokens that the Hub refused in this run. */
  readonly refusedTokens: ReadonlySet<Secret>;
}

export interface AskedInstallation {
  readonly installation: Installation;
  readonly wanted: Promise<Wanted | null>;
  /** What a setup would make of the stack's files, and its `.env` where others may read its passwords; nothing before their check. */
  readonly files: FoundFiles;
  /** An image of the stack that the engine has, that of its own service if it can be; null without one. */
  findTrialImage(signal: AbortSignal): Promise<GpuTrialRequest | null>;
}

/** Asks for what setup and pull made, nothing of it before its answer is looked at. */
export function askInstallation(work: Work, request: InstallationRequest): AskedInstallation {
  const { signal } = work;
  const { settings, answers } = request;
  const { catalog, stackDir } = settings;
  const { stack } = catalog;
  const limitMs = answerLimitMs(work.host);
  const host = impatient(work.host, limitMs);
  const inTime = async <Answer>(ask: (stop: AbortSignal) => Promise<Answer>) =>
    withinLimit({ host, signal, limitMs }, ask);
  const chosen = modelsOfGroups(catalog, answers.groups);
  let files: FoundFiles = { changes: [], openEnv: null };
  const others: Others = lazily<Others>({
    config: async () => {
      const { findStack } = await import("../../deploy/compose/read-stack.ts");
      return findStack({ host, stack, stackDir, assetsDir: request.assetsDir });
    },
    images: () =>
      inTime(async (stop) => {
        const config = await others.config;
        return (
          config &&
          findImages({ ...work, host, signal: stop }, config, {
            cacheDir: settings.cacheDir,
            ownService: stack.service,
            endpoints: [settings.endpoint, ...settings.mirrors],
          })
        );
      }),
    wanted: async () => {
      const [survey, images] = await Promise.all([installation.models, others.images]);
      if (survey === late || survey === null) return null;
      return wantedOf(work, survey, images === late ? null : images);
    },
  });
  const installation: Installation = lazily<Installation>({
    isSetUp: () => isSetUp(host, stackDir),
    isRunning: async () => {
      const stateDirs = [backgroundDirOf(host, false)];
      return (await findRunning({ host, stateDirs, forgetEnded: false })) !== null;
    },
    models: () =>
      inTime(async (stop) => {
        if (request.isOutOfReach) return null;
        const view = { fetching: settings, models: chosen, ask: "never" } as const;
        const asked = { ...work, host, signal: stop };
        return (await viewUnbaked(asked, view, { readStack: () => others.config })).survey;
      }),
    obstacle: () =>
      inTime(async () => {
        const survey = await installation.models;
        if (survey === late || survey === null) return null;
        return findObstacle(work, { survey, chosen, required: requiredGroups(catalog) });
      }),
    images: async () => {
      const images = await others.images;
      return images === null || images === late ? images : imagesFound(images);
    },
    health: () => inTime((stop) => findHealth({ ...work, host, signal: stop }, request)),
    containers: () => inTime((stop) => listWithLoops({ host, stackDir, signal: stop })),
    troubleOf: () => (container) =>
      inTime((stop) => findTrouble(stack, { host, stackDir, signal: stop }, container)),
    mounts: () =>
      inTime(async (stop) => {
        const listing = await installation.containers;
        return findMounts(stack, { host, stackDir, signal: stop }, listing);
      }),
    files: () => (machine) =>
      inTime(async () => {
        const planned = await planFiles({ host }, request, machine);
        files = { changes: planned.changes, openEnv: planned.found.openEnv };
        return planned.found;
      }),
    leftNames: () => inTime((stop) => findLeftNames(host, stop)),
    tokens: () => inTime(() => findTokenFiles(work, request)),
    certificates: () => inTime(() => readCertificateFiles(host)),
    clock: () => inTime((stop) => askClock({ host, signal: stop }, settings.endpoint)),
    needs: async () => (await others.wanted)?.needs ?? null,
  });
  return {
    installation,
    get wanted() {
      return others.wanted;
    },
    get files() {
      return files;
    },
    async findTrialImage(stop) {
      const config = await others.config;
      return config && findTrialImage(host, { config, own: stack.service ?? "" }, stop);
    },
  };
}

async function findTrialImage(
  host: Host,
  {
    config: { imageOfService },
    own: service,
  }: { readonly config: StackConfig; readonly own: string },
  signal: AbortSignal,
): Promise<GpuTrialRequest | null> {
  const own = imageOfService.get(service);
  for (const image of new Set([...(own === undefined ? [] : [own]), ...imageOfService.values()])) {
    const found = await findEngineImage({ host, signal }, image);
    if (found !== null) return { image, engineId: found.id };
  }
  return null;
}

interface FoundFiles extends Pick<FilesFound, "openEnv"> {
  readonly changes: readonly StackChange[];
}

/** What rows are made from. */
interface Others {
  /** The stack; null where it is not in order. */
  readonly config: Promise<StackConfig | null>;
  readonly images: Promise<FoundImages | null | Late>;
  readonly wanted: Promise<Wanted | null>;
}

async function findHealth(
  { host, signal }: Work,
  { settings: { catalog, stackDir }, answers, address }: InstallationRequest,
): Promise<HealthFound> {
  const url = `http://${address.host}:${address.port}`;
  const { stack } = catalog;
  const { groups } = answers;
  const required = capabilitiesOf(modelsOfGroups(catalog, requiredGroups(catalog)));
  const start = `heros up${stackFlag(host, stack, stackDir)}`;
  const config =
    stack.health.kind === "annie" ? null : await readStackConfig({ host, stackDir, signal });
  const health = healthQuestion({ catalog, groups, stackDir, url, config });
  const asked = { question: health, required, start, signal };
  const { state, problem } = await askStack(host, asked);
  const question = state === "online" ? questionFor(catalog, answers) : null;
  if (question === null) return { state, url, problem, answeredInMs: null };
  // Most catalogs name none.
  const { proveStack } = await import("../../health/prove.ts");
  const proof = await proveStack(host, { health, capabilities: [], question, signal });
  return proof.problem === null
    ? { state, url, problem, answeredInMs: proof.elapsedMs }
    : { state: "degraded", url, problem: proof.problem, answeredInMs: null };
}

/** What the running container has mounted, beside what its compose files say; null where one of them does not tell. */
async function findMounts(
  stack: CoreOf,
  asked: ListRequest,
  listing: Listing | Late,
): Promise<MountsFound | null> {
  const containers = listing === late ? [] : listing.containers;
  const modelsAt = coreCache(stack);
  const own = containers.find(
    ({ service, state }) => service === stack.service && state !== "exited" && state !== "created",
  );
  if (own === undefined) return null;
  const [mounts, config] = await Promise.all([askMounts(asked, own.name), readStackConfig(asked)]);
  const volumes = config?.services[own.service]?.volumes ?? [];
  const wanted = volumes.find(({ target }) => target === modelsAt);
  if (mounts === null || config === null || wanted?.source === undefined) return null;
  const real = mounts.find(({ target }) => target === modelsAt);
  const source = config.volumeNames.get(wanted.source) ?? wanted.source;
  return { container: own.name, real: real?.source ?? null, wanted: source };
}

/** The files that a setup with these answers would write again. Writes nothing. */
async function planFiles(
  { host }: Pick<Work, "host">,
  { settings, answers, assetsDir, address, isGiven }: InstallationRequest,
  machine: Pick<Machine, "gpu" | "memoryBytes">,
): Promise<{ readonly found: FilesFound; readonly changes: readonly StackChange[] }> {
  const { catalog, stackDir, endpoint } = settings;
  const plan = stackPlan({
    catalog,
    answers,
    places: settings,
    isGiven,
    endpoint,
    port: address.port,
    capacity: capacityOf(machine),
  });
  const { planDeployment } = await import("../../deploy/compose/plan.ts");
  try {
    const [{ changes }, env] = await Promise.all([
      planDeployment({ host, stackDir, assetsDir, plan }),
      findEnvState(host, stackDir),
    ]);
    const files = changes.flatMap((change) => {
      const state = stateOf(change, env);
      return state === null ? [] : [{ path: change.path, state }];
    });
    return { found: { failure: null, files, openEnv: env.openPath }, changes };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { found: { failure: error, files: [], openEnv: null }, changes: [] };
  }
}

/** Null for a file that stays as it is. */
function stateOf(
  { path: file, action, backupPath }: StackChange,
  { namesOurs }: EnvState,
): FilesFound["files"][number]["state"] | null {
  if (action === "unchanged") return null;
  if (backupPath !== undefined) return "edited";
  if (action === "created") return "missing";
  return path.basename(file) === ".env" && !namesOurs ? "unnamed" : "outdated";
}

async function findTokenFiles(
  { host }: Pick<Work, "host">,
  { settings: { stackDir }, refusedTokens }: InstallationRequest,
): Promise<TokenFound[]> {
  const tokens = await foundTokens(host, stackDir);
  return Promise.all(
    tokens.map(async ({ answer, where }) => {
      const file = where.startsWith("~/") ? path.join(host.home, where.slice(2)) : where;
      const isFile = path.isAbsolute(file);
      const stats = isFile ? await host.files.stat(file).catch(() => null) : null;
      return {
        where,
        path: isFile ? file : null,
        isOpen: stats !== null && (await isOpenToOthers(host, file, stats.mode)),
        isRefused: [...refusedTokens].some((token) => token.equals(answer.token)),
      };
    }),
  );
}

/** How far this machine is ahead of the Hub, by the date of its answer; null where it says none. */
async function askClock(
  { host, signal }: Pick<Work, "host" | "signal">,
  endpoint: string,
): Promise<number | null> {
  if (isHubOffline(host.env) || isS3(endpoint)) return null;
  try {
    const { headers, body } = await host.network.request({ url: endpoint, method: "HEAD", signal });
    body.destroy();
    const hubMs = Date.parse(headers["date"] ?? "");
    return Number.isNaN(hubMs) ? null : host.clock.now().getTime() - hubMs;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error) return null;
    throw error;
  }
}

interface ObstacleSearch {
  readonly survey: Survey;
  readonly chosen: readonly CatalogModel[];
  /** Groups. */
  readonly required: readonly string[];
}

async function findObstacle(
  { host }: Pick<Work, "host">,
  { survey, chosen, required }: ObstacleSearch,
): Promise<Obstacle | null> {
  const { cacheDir } = survey;
  // What of the folder itself is wrong, its disk's check says.
  const folder = await host.files.stat(cacheDir).catch(() => null);
  if (folder?.isDirectory() !== true) return null;
  const store = openHubCache({ host, cacheDir });
  let later: Obstacle | null = null;
  for (const model of survey.models) {
    const known = chosen.find(({ id }) => id === model.id);
    const parts = known?.parts ?? [];
    const failure =
      model.problem === null
        ? await store.findObstacle(survey, model)
        : await findRepoObstacle(
            host.files,
            cacheDir,
            parts.map(({ repo }) => repo),
          );
    if (failure === null) continue;
    if (known !== undefined && required.includes(known.group)) return { failure, required: true };
    later ??= { failure, required: false };
  }
  return later;
}

/** The images that a setup would fetch; null where Docker pulls them itself, or nobody can tell. */
async function findImages(
  work: Work,
  config: StackConfig,
  place: Pick<ImagesRequest, "cacheDir" | "ownService" | "endpoints">,
): Promise<FoundImages | null> {
  const { findStackImages } = await import("../images/find-images.ts");
  try {
    const found = await findStackImages(work, { ...place, config, strict: false, keep: false });
    const isEmpty = found !== null && found.surveyed.images.length + found.left.length === 0;
    return isEmpty ? null : found;
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

function imagesFound({ surveyed: { images }, left }: FoundImages): ImagesFound {
  const byDocker = new Set(left.map(({ image }) => image));
  const own = images.filter(({ title, engineId }) => engineId === null && !byDocker.has(title));
  const ownBytes = own.map((image) => image.totalBytes - image.cachedBytes - image.resumedBytes);
  const leftBytes = left.map(({ totalBytes, cachedBytes }) => totalBytes - cachedBytes);
  return {
    count: new Set([...images.map(({ title }) => title), ...byDocker]).size,
    lacking: [...new Set([...own.map(({ title }) => title), ...byDocker])],
    bytes: [...ownBytes, ...leftBytes].reduce((sum, each) => sum + each, 0),
    atLeast: left.some(({ layers }) => layers === null),
    problems: images.flatMap(({ problem }) => problem?.message ?? []),
  };
}
