import type { FoundImages } from "./find-images.ts";
import type { Notice } from "../run/events/run.ts";
import type { DoctorReport } from "../run/events/machine.ts";
import { Failure } from "../run/failure.ts";
import { formatBytes } from "../run/units.ts";
import { memoryGibOf, modelsOfTiers } from "../catalog/catalog.ts";
import { findProjectFolder } from "../deploy/compose/compose-files.ts";
import {
  type DetectRequest,
  detectMachine,
  type Findings,
  refusalOf,
  runSomeChecks,
  setupRefusals,
} from "../checks/detect.ts";
import { type CheckId, checks } from "../checks/table.ts";
import { closeNames } from "../run/close-names.ts";
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

export interface DoctorRequest {
  readonly settings: GatheredSettings;
  /** Of the checks, as typed; all where there are none. */
  readonly ids: readonly string[];
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
  { settings: given, ids: names, assetsDir }: DoctorRequest,
): Promise<readonly string[]> {
  const { host, emit, signal } = work;
  const ids = checkIds(names);
  const settings = await placeModels(work, given);
  const { cacheDir, stackDir, endpoint, mirrors, port } = settings;
  emit({ type: "stage.started", stage: "machine" });
  const answers = await answersHere(host, settings);
  const request: DetectRequest = {
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
  };
  const detection = ids === null ? await detectMachine(request) : await runSomeChecks(ids, request);
  const images = ids === null ? await findImages(work, { stackDir, assetsDir, cacheDir }) : null;
  const kept = await surveyKept(work, settings, answers.tiers, images);
  // A disk that is too small for what is chosen is no check's finding: it would not be told otherwise.
  const failures = setupRefusals(detection, kept).filter(
    ({ code }) => ids === null || detection.checks.some((check) => check.code === code),
  );
  const [first, ...others] = failures;
  emit({
    type: "stage.finished",
    stage: "machine",
    outcome: first === undefined ? "done" : "failed",
  });
  emit(reportOf(detection));
  if (first === undefined) return ids === null ? ["Ready: this machine can run Annie."] : [];
  const told = detection.checks.flatMap(({ status, code }) => (status === "failed" ? [code] : []));
  const untold = others.filter(({ code }) => !told.includes(code));
  const all = failure("doctor.problems", { first, count: failures.length }, first);
  throw refusalOf(all, untold);
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

/** The images that a setup would fetch; null where Docker pulls them itself, or the stack is not in order. */
async function findImages(
  work: Work,
  { cacheDir, ...stack }: { stackDir: string; assetsDir: string; cacheDir: string },
): Promise<FoundImages | null> {
  const { readStack } = await import("../deploy/compose/base.ts");
  const { findStackImages, imageNotices } = await import("./find-images.ts");
  try {
    const config = await readStack({ host: work.host, ...stack });
    const found = await findStackImages(work, { config, cacheDir, strict: false, keep: false });
    if (found === null || found.surveyed.images.length + found.left.length === 0) return found;
    for (const notice of [...imageNotices(found), imagesNotice(found)]) work.emit(notice);
    return found;
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

function imagesNotice({ surveyed: { images }, left }: FoundImages): Notice {
  const byDocker = new Set(left.map(({ image }) => image));
  const own = images.filter(({ title, engineId }) => engineId === null && !byDocker.has(title));
  const count = new Set([...images.map(({ title }) => title), ...byDocker]).size;
  const lacking = new Set([...own.map(({ title }) => title), ...byDocker]);
  const ownBytes = own.map((image) => image.totalBytes - image.cachedBytes - image.resumedBytes);
  const leftBytes = left.map(({ totalBytes, cachedBytes }) => totalBytes - cachedBytes);
  const bytes = [...ownBytes, ...leftBytes].reduce((sum, each) => sum + each, 0);
  const atLeast = left.some(({ layers }) => layers === null) ? "at least " : "";
  return {
    type: "notice",
    level: "info",
    code: "doctor.images",
    message:
      lacking.size === 0
        ? `Images: Docker has all ${count}.`
        : `Images: Docker has ${count - lacking.size} of ${count}; ${atLeast}${formatBytes(bytes)} to download for ${[...lacking].join(", ")}.`,
  };
}

/** As `heros setup --yes` would take them. */
async function answersHere(host: Host, settings: GatheredSettings): Promise<Answers> {
  const { catalog, decided, stateDir } = settings;
  const remembered = (await recallAnswers(host, stateDir)).answers;
  return resolveAnswers({ catalog, decided, foundTokens: [], tokenFile: null, remembered }).answers;
}
