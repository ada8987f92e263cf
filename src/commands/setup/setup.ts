import {
  consentFailure,
  type Detection,
  detectMachine,
  failedChecks,
  refusalOf,
  setupRefusals,
} from "../../checks/detect.ts";
import { findServicesMemory } from "../stack/services-memory.ts";
import { memoryGibOf, modelsOfGroups } from "../../catalog/catalog.ts";
import { type ModelPlaces, modelsPlace, placesIn } from "../models-place.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { recallAnswers, rememberAnswers, type RememberedAnswers } from "../remembered-answers.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import { exitCodes, Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { makeStorage, storagePaths } from "../reach-storage.ts";
import { foundTokens, tryHubOf } from "../open-hub.ts";
import { findPlannedStack } from "../../deploy/compose/read-stack.ts";
import { findProjectFolder } from "../../deploy/compose/compose-files.ts";
import { writeStack } from "../../deploy/compose/deployment.ts";
import type { Host } from "../../host/host.ts";
import { answerLimitMs } from "../../host/time-limit.ts";
import { enabledGroups } from "../stack/enabled-groups.ts";
import { ownUid } from "../../host/own-file.ts";
import type { Answers } from "../../plan/questions.ts";
import type { Person } from "../../plan/interview.ts";
import { rememberable, type AnswerValues, resolveAnswers } from "../../plan/resolve.ts";
import type { Program } from "../../record/detach.ts";
import type { Continuation, DetachRequest } from "../../record/handover.ts";
import { type Notice, warningOf } from "../../run/events/run.ts";
import { quoted } from "../../run/shell-quote.ts";
import type { OtherPort } from "../../run/events/plan.ts";
import { findOtherPort, findUnnamedPort, otherPortNotice } from "./other-port.ts";
import { stackPlace } from "../../deploy/compose/core-service.ts";
import type { SetupRequest, Work } from "../command-request.ts";
import { surveyKept } from "../models/view-cache.ts";
import { bringOnline } from "./bring-online.ts";
import { closingSummary, dryRunSummary } from "./closing-summary.ts";
import { applyResume, continuesAtBoot, endResume } from "./resume-at-boot.ts";
import { prepareInterview } from "./prepare-interview.ts";

export interface SetupOptions {
  readonly settings: GatheredSettings;
  readonly dryRun: boolean;
  /** Without `ask` nothing is asked. */
  readonly person: Pick<Person, "ask" | "remedy">;
  /** Absolute: the folder that ships with heros. */
  readonly assetsDir: string;
  readonly detach: DetachRequest;
  /** What starts heros, for the service that continues this setup after a reboot. */
  readonly program: Program;
}

/** `heros setup`, for real. */
export async function performSetup(
  work: Work,
  options: SetupOptions,
): Promise<readonly string[] | null> {
  const { settings, detach, program } = options;
  const request = await requestOf(work.host, settings, options);
  const onSettled: SetupRequest["onSettled"] = (answers, countedFromMs) => {
    detach.continueWith(async () => ({
      ...(await continuationOf(work.host, request, answers)),
      countedFromMs,
    }));
  };
  const notice = await rootNotice(work.host, request.stackDir);
  if (notice !== null) work.emit(notice);
  return setup(work, { ...request, program, onSettled });
}

/**
 * The whole journey: machine, plan, stack, download, online.
 * Nothing is written before the plan is agreed, and nothing is fetched before the disk is known to hold it.
 * @returns the sentences of the closing page; null where the person stopped before anything was changed
 * @throws Failure of any stage; AbortError
 */
export async function setup(work: Work, asked: SetupRequest): Promise<readonly string[] | null> {
  const { host, emit, signal } = work;
  const { stateDir, dryRun } = asked;
  const { ask } = asked.person;

  const seen = await lookAtMachine(work, await withFreePort(work, asked));
  if (seen === null) return null;
  const { detection, request } = seen;
  for (const problem of detection.problems) {
    // Consent is asked for below, in a dry run too.
    if (problem.code !== "machine.unsupported") emit(warningOf(problem));
  }
  emit({ type: "stage.finished", stage: "machine", outcome: "done" });

  emit({ type: "stage.started", stage: "plan" });
  for (const notice of portNotices(request)) emit(notice);
  const { interview, workOut } = await prepareInterview(work, request, detection);
  const answers = ask === undefined ? interview.answers : await ask(interview, signal);
  // What a person takes to read and to choose is no part of how long the stack takes.
  const agreedAtMs = work.elapsedMs();
  const startedAtMs = host.clock.monotonicMs() - (ask === undefined ? agreedAtMs : 0);
  if (answers === null) return null;
  const unsupported = consentFailure(detection.machine, answers.unsupported);
  if (unsupported !== null) throw unsupported;
  const worked = await workOut(answers, signal);
  const { plan, survey, source, store, images, config, changes, resume, notices } = worked;
  const known = { version: detection.machine.docker?.composeVersion ?? null, config };
  for (const notice of notices) emit(notice);
  emit(ask === undefined ? plan : { ...plan, agreedAtMs });
  emit({ type: "stage.finished", stage: "plan", outcome: "done" });
  if (dryRun) return request.summary?.(null, plan) ?? dryRunSummary(plan);

  request.onSettled?.(answers, ask === undefined ? 0 : agreedAtMs);
  const { cacheDir } = survey;
  const { given = {} } = request;
  const { stackDir } = request;
  const kept = { stateDir, stackDir, cacheDir, given, answers: settledAnswers(answers, request) };
  await rememberAnswers(host, { ...kept, finished: false });
  emit({ type: "stage.started", stage: "stack" });
  if (request.cacheDir === null) {
    await makeStorage(host, { storage: answers.storage, signal });
  }
  await writeStack({ host, changes, emit });
  const resumes = await applyResume(work, resume);
  emit({ type: "stage.finished", stage: "stack", outcome: "done" });

  let isDownloaded = false;
  const onDownloaded = () => (isDownloaded = true);
  const bring = {
    request,
    answers,
    survey,
    source,
    store,
    images,
    known,
    startedAtMs,
    onDownloaded,
  };
  const online = await bringOnline(work, bring).catch(async (error: unknown) => {
    if (signal.aborted && resumes) emit(continuesAtBoot);
    // What the machine lacks it may have after a reboot.
    const isOver = error instanceof Failure && error.exitCode !== exitCodes.machine;
    if (isDownloaded && isOver) await endResume(host, request);
    throw error;
  });
  await rememberAnswers(host, { ...kept, finished: true });
  await endResume(host, request);
  return (
    request.summary?.(online, plan) ??
    closingSummary({ host, stack: request.catalog.stack, online, plan }, request.assetsDir)
  );
}

/** A cache that was given by its path is the answer to where models are kept, for the next setup too. */
function settledAnswers(answers: Answers, { cacheDir }: SetupRequest): AnswerValues {
  const kept = rememberable(answers);
  return cacheDir === null ? kept : { ...kept, storage: [cacheDir] };
}

/** A port that stands in the user's file as a number does not follow `--port`. */
function portNotices({ catalog, ignoredPort, port }: SetupRequest): Notice[] {
  const known = catalog.stack.port;
  if (ignoredPort === undefined || known === null) return [];
  return [
    {
      type: "notice",
      level: "warning",
      code: "stack.port_fixed",
      message: `--port ${ignoredPort} has no effect: your compose file publishes the port itself${ignoredPort === port ? "" : `, as ${port}`}.`,
      hint: `To choose it with --port, publish "127.0.0.1:\${${known.variable}:-${known.usual}}:${known.inside}" there.`,
    },
  ];
}

/**
 * What an unattended setup needs beside the answers that are kept in the state folder: consent, the token, and where the
 * models go, for the Hub's variables win over a kept answer, but not over one that was just given.
 */
export async function continuationOf(
  host: Host,
  { stackDir, cacheDir }: Pick<SetupRequest, "stackDir" | "cacheDir">,
  { token, unsupported, storage }: Answers,
): Promise<Continuation> {
  const flags = [
    "--yes",
    ...(unsupported ? ["--allow-unsupported"] : []),
    ...(cacheDir === null ? ["--storage", storage] : []),
  ];
  if (token.source === "none") return { flags, token: "none" };
  const [first] = await foundTokens(host, stackDir);
  const findsIt = first !== undefined && first.answer.token.equals(token.token);
  return { flags, token: findsIt ? null : token.token };
}

/**
 * What setup is asked to do, by flags, environment and config file.
 * @throws Failure `catalog.no_stack`, `plan.bad_answer`, `groups.unknown` (exit 2), before anything is looked at
 */
export async function requestOf(
  host: Host,
  settings: GatheredSettings,
  { dryRun, person, assetsDir }: Pick<SetupRequest, "dryRun" | "person" | "assetsDir">,
): Promise<SetupRequest> {
  const { catalog, decided, tokenFile } = settings;
  requireSetUpable(catalog);
  resolveAnswers({ catalog, remembered: {}, decided, foundTokens: [], tokenFile });
  const { stackDir, port: asked } = settings;
  const { port, portIgnored } = await stackPlace(host, catalog.stack, stackDir, asked);
  return {
    ...settings,
    dryRun,
    person,
    assetsDir,
    port,
    isPortOpen: asked === null,
    ...(portIgnored && asked !== null ? { ignoredPort: asked } : {}),
  };
}

/** Where nobody is asked, and nobody named a port, a free one takes the place of one that something else has. */
async function withFreePort(work: Work, request: SetupRequest): Promise<SetupRequest> {
  const isAsked = request.person.remedy !== undefined && !request.dryRun;
  if (isAsked || request.isPortOpen !== true) return request;
  const other = await findUnnamedPort(work, request);
  return other === null ? request : moved(work, request, other);
}

function moved({ emit }: Work, request: SetupRequest, otherPort: OtherPort): SetupRequest {
  emit(otherPortNotice(otherPort));
  return { ...request, port: otherPort.port, otherPort };
}

/** A catalog of models alone has nothing that could be set up. @throws Failure `catalog.no_stack` (exit 2) */
function requireSetUpable({ stack }: Catalog): void {
  if (stack.service === null) throw failure("catalog.no_stack", { stack: stack.id });
}

/** What `sudo heros setup` means, which is seldom what was meant; null where nobody came by sudo. */
export async function rootNotice(host: Host, stackDir: string): Promise<Notice | null> {
  const user = host.env["SUDO_USER"] ?? "";
  if (user === "" || user === "root" || (await ownUid(host.files)) !== 0) return null;
  return {
    type: "notice",
    level: "warning",
    code: "setup.as_root",
    message: `heros is running as root: the files in ${stackDir} and the models will belong to root, not to ${user}.`,
    hint: `To keep them as ${user}, cancel and run heros setup without sudo. If Docker denies access: sudo usermod -aG docker ${quoted(user)}, then log in again.`,
  };
}

/** Whoever is asked can still choose another place than one that is out of reach by now. */
async function placeToCheck(
  work: Work,
  request: SetupRequest,
  remembered: RememberedAnswers,
): Promise<ModelPlaces> {
  try {
    return await modelsPlace(work, request, remembered);
  } catch (error) {
    const isAsked = request.person.ask !== undefined;
    if (!isAsked || !(error instanceof Failure)) throw error;
    const folder = storagePaths(work.host, request.stackDir)["hub-cache"];
    const { layout } = request.catalog.stack;
    return placesIn(work.host, { storage: "hub-cache", folder, layout });
  }
}

/** The machine, and the setup for it, whose port may be another one by now. */
interface Seen {
  readonly detection: Detection;
  readonly request: SetupRequest;
}

/**
 * Looks at the machine, again and again where somebody fixes it meanwhile.
 * @returns null where the person stops although nothing is in the way
 * @throws Failure of exit status 4 for what prevents the stack from running; AbortError
 */
async function lookAtMachine(work: Work, given: SetupRequest): Promise<Seen | null> {
  let request = given;
  const { host, emit, signal } = work;
  const { stackDir, assetsDir, stateDir, endpoint, mirrors, dryRun, person } = request;
  const { remedy } = person;
  const remembered = await recallAnswers(host, stateDir, stackDir);
  const [places, servicesGib] = await Promise.all([
    placeToCheck(work, request, remembered),
    findServicesMemory({ host, signal, limitMs: answerLimitMs(host) }, request),
  ]);
  const { answers, decided } = resolveAnswers({
    ...request,
    remembered: remembered.answers,
    foundTokens: [],
    enabledGroups: await enabledGroups(host, stackDir, request.catalog),
  });
  const isAsked = person.ask !== undefined && !decided.has("unsupported");
  const tryHub = tryHubOf({ host }, request, { tokenIsAsked: person.ask !== undefined });
  for (;;) {
    const { port } = request;
    emit({ type: "stage.started", stage: "machine" });
    const detection = await detectMachine({
      host,
      emit,
      signal,
      modelsPath: places.cacheDir,
      stackDir,
      projectDir: await findProjectFolder(host, stackDir),
      core: request.catalog.stack,
      port,
      readStack: () =>
        findPlannedStack({ host, stack: request.catalog.stack, stackDir, assetsDir, port }),
      endpoint,
      mirrors,
      tryHub,
      modelsGib: memoryGibOf(modelsOfGroups(request.catalog, answers.groups)) + servicesGib,
      consent: answers.unsupported ? "given" : isAsked ? "asked" : "missing",
    });
    const failed = failedChecks(detection);
    const [problem] = detection.problems;
    if (dryRun || remedy === undefined || failed === null) {
      if (problem === undefined || dryRun) return { detection, request };
      const placed = { ...request, ...places };
      const refusals = setupRefusals(detection, await surveyKept(work, placed, answers.groups));
      throw refusalOf(problem, refusals.slice(1));
    }
    const isPortTaken = failed.checks.some(({ id }) => id === "port");
    const other = isPortTaken ? await findOtherPort(work, request) : null;
    const offered = other === null ? failed : { ...failed, otherPort: other.port };
    const choice = await remedy(offered, signal);
    if (choice === "port" && other !== null) request = moved(work, request, other);
    if (choice === "again" || choice === "port") continue;
    if (problem !== undefined) throw problem;
    return choice === "onward" ? { detection, request } : null;
  }
}
