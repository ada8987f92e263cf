import {
  capabilitiesOf,
  modelsOfGroups,
  prioritiesOf,
  requiredGroups,
} from "../catalog/catalog.ts";
import { stackChosen } from "../catalog/capabilities.ts";
import type { Stack } from "../catalog/stack.ts";
import type { StackConfig } from "../docker/compose.ts";
import type { Host } from "../host/host.ts";
import { isSetUp, stackFlag } from "../deploy/compose/compose-files.ts";
import { askStack } from "../health/health.ts";
import { type AnswerValues, resolveAnswers } from "../plan/resolve.ts";
import { seeBackground } from "../record/background-run.ts";
import { findRunning } from "../record/find-running.ts";
import { backgroundDirOf } from "../record/state-dir.ts";
import type { Notice } from "../run/events/run.ts";
import type { BackgroundSeen, ListedImage, StatusRead } from "../run/events/reports.ts";
import { answerLimitMs, late, withinLimit } from "../host/time-limit.ts";
import { Failure, retold } from "../run/failure.ts";
import { stacksToShow } from "./stack/choose-stack.ts";
import { healthQuestion } from "./stack/health-question.ts";
import { stackPlace } from "../deploy/compose/core-service.ts";
import { type GatheredSettings, ofStack, settingsIn, tellOther } from "./gather-settings.ts";
import { recallAnswers } from "./remembered-answers.ts";
import { type Placed, placeModels } from "./models-place.ts";
import { type CacheViewRequest, listedModels, viewCache } from "./models/view-cache.ts";
import type { BakedRequest, UnbakedView } from "./stack/find-baked.ts";
import type { Fetching, Work } from "./command-request.ts";

export interface StatusRequest {
  readonly fetching: Placed<Fetching>;
  readonly stackDir: string;
  /** Absolute: the folder that ships with heros. */
  readonly assetsDir: string;
  /** Null where nothing names one: then the stack's own `.env` decides. */
  readonly port: number | null;
  /** From the weakest to the strongest: config file, environment, flags. */
  readonly decided: readonly AnswerValues[];
}

const watchMs = 2000;

/**
 * Tells how every stack is: once, or again and again whenever it changed. Where nothing runs at first there is nothing to watch.
 * @returns the sentences of the closing page, if the stack is online
 * @throws Failure `annie.…` where it is degraded (3) or not there (1), of several stacks the worst; AbortError, which is how a watch ends
 */
export async function status(
  work: Work,
  requests: readonly StatusRequest[],
  watch: boolean,
): Promise<string[]> {
  const { host, emit, signal } = work;
  const looked = new Map<string, readonly string[]>();
  const rounds = await Promise.all(
    requests.map(async (request) => {
      const { stack } = request.fetching.catalog;
      const own = ofStack(work, request.fetching);
      const address = await stackPlace(own.host, stack, request.stackDir, request.port);
      return { ...request, own, url: `http://${address.host}:${address.port}`, looked };
    }),
  );
  const demoRuns = await tellOfDemo(work);
  const told = new Map<string, string>();
  for (;;) {
    const read = await Promise.all(rounds.map((round) => readStatus(round.own, round)));
    const idle =
      told.size === 0 &&
      read.every(
        ({ event: { annie, background } }) => annie === "absent" && background?.state !== "running",
      );
    for (const [index, { event: one }] of read.entries()) {
      const { stackDir = "" } = one;
      // The run in the background is told of once.
      const shown = index === 0 ? one : { ...one, background: null };
      const event = read.length === 1 ? shown : { ...shown, stacks: read.length };
      const text = JSON.stringify({ ...event, background: lasting(event.background) });
      const own = requests[index]?.fetching.catalog;
      if (text !== told.get(stackDir)) {
        if (read.length > 1 && own !== undefined) emit(stackChosen(own));
        emit(event);
      }
      told.set(stackDir, text);
    }
    if (!watch || idle) {
      // Whoever tries the demo has no stack yet that could be missed.
      const isMissed = ({ event: { annie, setUp, background } }: (typeof read)[number]) =>
        annie !== "absent" || setUp !== false || background !== null;
      if (demoRuns && !read.some(isMissed)) return [];
      if (watch) emit(nothingToWatch);
      const problem = worstOf(read);
      if (problem !== null) throw problem;
      return [];
    }
    await host.clock.sleep(watchMs, signal);
  }
}

/** Of several stacks, that which is not there before that which lacks something; it names its stack. */
function worstOf(
  read: readonly { readonly event: StatusRead; readonly problem: Failure | null }[],
): Failure | null {
  const problems = read.flatMap(({ event, problem }) =>
    problem === null ? [] : [{ problem, stackDir: event.stackDir ?? "" }],
  );
  const [worst] = problems.toSorted((a, b) => a.problem.exitCode - b.problem.exitCode);
  if (worst === undefined) return null;
  const { problem, stackDir } = worst;
  return read.length === 1
    ? problem
    : retold(problem, { message: `${stackDir}: ${problem.message}` });
}

const nothingToWatch: Notice = {
  type: "notice",
  level: "info",
  code: "status.nothing_runs",
  message:
    "Nothing to watch: {assistant} is not running, and nothing is downloading in the background.",
};

/** A demo in the background has a state folder of its own. @returns whether one runs */
async function tellOfDemo({ host, emit }: Work): Promise<boolean> {
  const stateDirs = [backgroundDirOf(host, true)];
  const running = await findRunning({ host, stateDirs, forgetEnded: false });
  if (running === null) return false;
  emit({
    type: "notice",
    level: "info",
    code: "status.demo_runs",
    message: `A demo is running in the background (PID ${running.run.pid}).`,
    hint: "Watch or stop it: heros status --watch",
  });
  return true;
}

interface StatusRound extends StatusRequest {
  readonly url: string;
  /** By the rounds before, too. */
  readonly looked: NonNullable<BakedRequest["looked"]>;
}

/** From the answers, the cache and the `.env` on this disk, and from the stack itself; the Hub is not asked. */
async function readStatus(
  work: Work,
  { fetching, stackDir, assetsDir, decided, url, looked }: StatusRound,
): Promise<{ event: StatusRead; problem: Failure | null }> {
  const { host, signal } = work;
  const { cacheDir, catalog, stateDir } = fetching;
  const remembered = await recallAnswers(host, stateDir, stackDir);
  const { answers } = resolveAnswers({
    catalog,
    remembered: remembered.answers,
    decided,
    foundTokens: [],
    tokenFile: null,
  });
  const { groups } = answers;
  const { stack } = catalog;
  const models = modelsOfGroups(catalog, groups);
  const wasSetUp = isSetUp(host, stackDir);
  const config = wasSetUp.then((is) => (is ? stackOf(host, { stack, stackDir, assetsDir }) : null));
  config.catch(() => {});
  const view = { fetching, models, ask: "never" } as const;
  const required = capabilitiesOf(modelsOfGroups(catalog, requiredGroups(catalog)));
  const background = seeBackground(host, stateDir);
  const askHealth = async () => {
    const seen = await background;
    const inBackground = seen?.state === "running" && seen.command === "setup";
    // What was interrupted is more than its start.
    const word = remembered.earlier === "interrupted" ? "setup" : "up";
    const start = (await wasSetUp) ? `heros ${word}${stackFlag(host, stack, stackDir)}` : null;
    const known = stack.health.kind === "annie" ? null : await config;
    const question = healthQuestion({ catalog, groups, stackDir, url, config: known });
    return askStack(host, { question, required, start, inBackground, signal });
  };
  const [{ state: standing, from, health, problem }, seen, found, setUp, images] =
    await Promise.all([
      askHealth(),
      background,
      wasSetUp.then((is) =>
        is ? viewStack(work, view, { readStack: () => config, looked }) : viewAll(work, view),
      ),
      wasSetUp,
      wasSetUp.then((is) =>
        is ? readImages(work, config, { cacheDir, ownService: stack.service }) : null,
      ),
    ]);

  const lacks = (name: string) => health.capabilities[name] !== true;
  const listed = listedModels(found.survey, found.models, found.baked);
  const event: StatusRead = {
    type: "status.read",
    annie: standing,
    url,
    stackDir,
    setUp,
    health: from === "stranger" ? "stranger" : health.status,
    capabilities: health.capabilities,
    lacking: capabilitiesOf(models).filter(lacks),
    loading: health.models,
    tiers: prioritiesOf(catalog, groups),
    cacheDir,
    models: listed,
    receivedBytes: listed.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
    totalBytes: listed.reduce((sum, { totalBytes }) => sum + (totalBytes ?? 0), 0),
    ...(images === null ? {} : { images }),
    interrupted: remembered.earlier === "interrupted",
    background: seen,
  };
  return { event, problem };
}

async function viewAll(work: Work, view: CacheViewRequest): Promise<UnbakedView> {
  return { survey: (await viewCache(work, view)).survey, models: view.models, baked: [] };
}

async function viewStack(
  work: Work,
  view: CacheViewRequest,
  stack: Omit<BakedRequest, "catalog">,
): Promise<UnbakedView> {
  const { viewUnbaked } = await import("./stack/find-baked.ts");
  return viewUnbaked(work, view, stack);
}

/** Loaded where there is one. */
async function stackOf(
  host: Host,
  stack: { readonly stack: Stack; readonly stackDir: string; readonly assetsDir: string },
): Promise<StackConfig | null> {
  const { findStack } = await import("../deploy/compose/read-stack.ts");
  return findStack({ host, ...stack });
}

/** Null where the stack can't be read, or Docker takes too long: status tells the rest. */
async function readImages(
  { host, signal }: Work,
  stack: Promise<StackConfig | null>,
  { cacheDir, ownService }: { readonly cacheDir: string; readonly ownService: string | null },
): Promise<readonly ListedImage[] | null> {
  const { listStackImages } = await import("./images/find-images.ts");
  const found = await withinLimit({ host, signal, limitMs: answerLimitMs(host) }, async (stop) => {
    try {
      const config = await stack;
      return (
        config && (await listStackImages({ host, signal: stop }, { ownService, config, cacheDir }))
      );
    } catch (error) {
      if (error instanceof Failure) return null;
      throw error;
    }
  });
  return found === late ? null : found;
}

/** What of a run in the background is news: not each of its bytes. */
function lasting(seen: BackgroundSeen | null) {
  return seen === null ? null : { pid: seen.pid, state: seen.state };
}

/** `heros status [--watch]` */
export async function performStatus(
  work: Work,
  {
    settings,
    watch,
    assetsDir,
  }: {
    readonly settings: GatheredSettings;
    readonly watch: boolean;
    readonly assetsDir: string;
  },
): Promise<readonly string[]> {
  const stacks = await stacksToShow(work, settings);
  const { decided } = settings;
  const requests = stacks.map(async (stackDir): Promise<StatusRequest> => {
    const own = await settingsIn(work.host, settings, stackDir);
    const fetching = await placeModels(work, own);
    return { fetching, stackDir, assetsDir, port: own.port, decided };
  });
  const asked = await Promise.all(requests);
  const [only, ...others] = asked;
  if (only !== undefined && others.length === 0) tellOther(work, settings, only.fetching);
  return status(work, asked, watch);
}
