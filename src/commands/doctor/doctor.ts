import { Failure } from "../../run/failure.ts";
import type { Secret } from "../../run/secret.ts";
import { findOllamaModels } from "../../store/ollama/folder.ts";
import { findCacheDir } from "../../source/hub/environment.ts";
import type { DoctorReport } from "../../run/events/machine.ts";
import { findServicesMemory } from "../stack/services-memory.ts";
import { memoryGibOf, modelsOfGroups } from "../../catalog/catalog.ts";
import { findProjectFolder } from "../../deploy/compose/compose-files.ts";
import { type DetectRequest, examine, type Findings, setupRefusals } from "../../checks/detect.ts";
import type { Notice } from "../../run/events/run.ts";
import { applyFixes, type Fix, findFixes } from "./doctor-fixes.ts";
import { askInstallation } from "./installation.ts";
import { type CheckId, checks } from "../../checks/table.ts";
import { closeNames } from "../../run/close-names.ts";
import type { Host } from "../../host/host.ts";
import type { Answers } from "../../plan/questions.ts";
import { resolveAnswers } from "../../plan/resolve.ts";
import { failure } from "../../run/failures/table.ts";
import { answerLimitMs, impatient } from "../../host/time-limit.ts";
import { type StackAddress, stackPlace, usualPort } from "../../deploy/compose/core-service.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { recallAnswers } from "../remembered-answers.ts";
import { type Placed, placeModels } from "../models-place.ts";
import { chooseStack } from "../stack/choose-stack.ts";
import type { Work } from "../command-request.ts";
import { enabledGroups } from "../stack/enabled-groups.ts";
import { tryHubOf } from "../open-hub.ts";

export interface DoctorRequest {
  readonly settings: GatheredSettings;
  /** Of the checks, as typed; all where there are none. */
  readonly ids: readonly string[];
  /** Do what is safe to do about what is found. */
  readonly fix: boolean;
  /** Absolute: the folder that ships with heros. */
  readonly assetsDir: string;
}

/** `heros doctor --list`. @throws Failure `doctor.unknown_check` (2) */
export function listChecks({ emit }: Pick<Work, "emit">, names: readonly string[]): string[] {
  const ids = checkIds(names);
  const chosen = checks.filter(({ id }) => ids === null || ids.includes(id));
  const listed = chosen.map(({ id, title, why }) => ({ id, title, why }));
  emit({ type: "checks.listed", checks: listed });
  return [];
}

/** Null for all. @throws Failure `doctor.unknown_check` (2) */
function checkIds(names: readonly string[]): readonly CheckId[] | null {
  if (names.length === 0) return null;
  const known = checks.map(({ id }) => id);
  return names.map((name) => {
    const id = known.find((each) => each === name);
    if (id !== undefined) return id;
    throw failure("doctor.unknown_check", { name, close: closeNames(name, known) });
  });
}

/**
 * `heros doctor`: the checks of the machine, each with what fixes it.
 * @throws Failure `doctor.problems` where setup would refuse, with its exit status: 4, 1, 5 or 7; `doctor.unknown_check` (2)
 */
export async function performDoctor(
  work: Work,
  { settings: gathered, ids: names, fix, assetsDir }: DoctorRequest,
): Promise<readonly string[]> {
  const { host, emit, signal } = work;
  const ids = checkIds(names);
  const given = await chooseStack(work, gathered, { needsOne: false });
  emit({ type: "stage.started", stage: "machine" });
  const limitMs = answerLimitMs(host) * shareOfPlaces;
  const { catalog } = given;
  const [[{ settings, outOfReach }, address], servicesGib] = await Promise.all([
    findPlaces(work, given),
    findServicesMemory({ host, signal, limitMs }, { ...given, assetsDir, catalog }),
  ]);
  const { cacheDir, stackDir, endpoint, mirrors } = settings;
  const [answers, port] = await Promise.all([
    answersHere(host, settings),
    portOfSetup(work, { given, assetsDir, port: address.port }),
  ]);
  const refusedTokens = new Set<Secret>();
  const request: DetectRequest = {
    host,
    emit,
    signal,
    modelsPath: cacheDir,
    outOfReach,
    stackDir,
    projectDir: await findProjectFolder(host, stackDir),
    core: catalog.stack,
    port,
    async readStack() {
      const { findPlannedStack } = await import("../../deploy/compose/read-stack.ts");
      const limited = impatient(host, answerLimitMs(host));
      return findPlannedStack({ host: limited, stack: catalog.stack, stackDir, assetsDir, port });
    },
    endpoint,
    mirrors,
    tryHub: tryHubOf(work, settings, { tokenIsAsked: false, refusedTokens }),
    modelsGib: memoryGibOf(modelsOfGroups(settings.catalog, answers.groups)) + servicesGib,
    consent: answers.unsupported ? "given" : "missing",
    findTrialImage: (stop) => here.findTrialImage(stop),
  };
  const look = () =>
    askInstallation(work, {
      settings,
      assetsDir,
      answers,
      address,
      isGiven: given.cacheDir !== null,
      isOutOfReach: outOfReach !== null,
      refusedTokens,
    });
  const here = look();
  const first = await examine(ids, request, here.installation);
  const fixes = await findFixes(work, here, first);
  const fixed = fix ? await applyFixes(work, fixes) : [];
  const findings =
    fixed.length === 0
      ? first
      : withNews(first, await examine(fixed, request, look().installation));
  if (!fix && fixes.length > 0) emit(fixableNotice(findings, fixes));
  const stops = findings.placeFailure !== null || findings.hubFailure !== null;
  const refusals = setupRefusals(findings, stops ? await here.wanted : null);
  const failures = [
    ...new Map([...refusals, ...findings.otherFailures].map((each) => [each.code, each])).values(),
  ];
  const [worst] = failures;
  const outcome = worst === undefined ? "done" : "failed";
  emit({ type: "stage.finished", stage: "machine", outcome });
  emit(reportOf(findings));
  if (worst !== undefined) {
    throw failure("doctor.problems", { first: worst, count: failures.length }, worst);
  }
  return ids === null ? ["Ready: this machine can run {assistant}."] : [];
}

/** The same findings, with what some checks found when they were run again. */
function withNews(before: Findings, news: Findings): Findings {
  const changed = new Map(news.checks.map((check) => [check.id, check]));
  const old = new Set(before.checks.flatMap(({ id, code }) => (changed.has(id) ? [code] : [])));
  return {
    ...before,
    checks: before.checks.map((check) => changed.get(check.id) ?? check),
    otherFailures: [
      ...before.otherFailures.filter(({ code }) => !old.has(code)),
      ...news.otherFailures,
    ],
  };
}

function fixableNotice({ checks: finished }: Findings, fixes: readonly Fix[]): Notice {
  const ids = new Set<string>(fixes.map(({ id }) => id));
  const titles = finished.flatMap(({ id, title }) => (ids.has(id) ? [title] : []));
  return {
    type: "notice",
    level: "info",
    code: "doctor.fixable",
    message: `heros can fix this itself: ${titles.join(", ")}.`,
    hint: "Fix it: heros doctor --fix",
  };
}

/** As a setup would choose it, which says so. */
async function portOfSetup(
  work: Work,
  {
    given,
    assetsDir,
    port,
  }: {
    readonly given: GatheredSettings;
    readonly assetsDir: string;
    readonly port: number;
  },
): Promise<number> {
  if (given.port !== null || (await work.host.network.portIsFree(port))) return port;
  const { findUnnamedPort, otherPortNotice } = await import("../setup/other-port.ts");
  const host = impatient(work.host, answerLimitMs(work.host) * shareOfPlaces);
  const { catalog, stackDir } = given;
  const other = await findUnnamedPort({ ...work, host }, { catalog, stackDir, assetsDir, port });
  if (other === null) return port;
  work.emit(otherPortNotice(other));
  return other.port;
}

/** Of the time that one question may take: every check waits for it. */
const shareOfPlaces = 0.3;

interface PlacedOrNot {
  readonly settings: Placed<GatheredSettings>;
  /** Why the models can't be reached; the settings name the default then. */
  readonly outOfReach: Failure | null;
}

/** Where the models are and where the stack answers, as Docker says in time, else as files do: what is wrong there, checks tell. */
function findPlaces(
  { host: patient, ...work }: Work,
  given: GatheredSettings,
): Promise<[PlacedOrNot, StackAddress]> {
  const host = impatient(patient, answerLimitMs(patient) * shareOfPlaces);
  const { catalog, stackDir, port } = given;
  return Promise.all([
    placeModels({ ...work, host }, given).then(
      (settings) => ({ settings, outOfReach: null }),
      (error: unknown) => {
        if (!(error instanceof Failure)) throw error;
        return {
          settings: {
            ...given,
            cacheDir: findCacheDir(host),
            ollamaDir: findOllamaModels(host),
          },
          outOfReach: error,
        };
      },
    ),
    stackPlace(host, catalog.stack, stackDir, port).catch((error: unknown) => {
      if (!(error instanceof Failure)) throw error;
      return { host: "127.0.0.1", port: port ?? usualPort(catalog.stack) };
    }),
  ]);
}

function reportOf({ checks: finished }: Findings): DoctorReport {
  const whys = new Map<string, string>(checks.map(({ id, why }) => [id, why]));
  return {
    type: "doctor.report",
    schema: 1,
    checks: finished.map(({ id, title, status, found, remedy }) => ({
      id,
      title,
      status,
      found,
      why: whys.get(id) ?? "",
      fix: remedy ?? null,
    })),
  };
}

/** As `heros setup --yes` would take them. */
async function answersHere(host: Host, settings: GatheredSettings): Promise<Answers> {
  const { catalog, decided, stateDir, stackDir } = settings;
  const remembered = (await recallAnswers(host, stateDir, stackDir)).answers;
  return resolveAnswers({
    catalog,
    decided,
    foundTokens: [],
    tokenFile: null,
    remembered,
    enabledGroups: await enabledGroups(host, stackDir, catalog),
  }).answers;
}
