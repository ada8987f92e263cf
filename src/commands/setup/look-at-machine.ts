import { detectMachine, type Detection } from "../../checks/detect.ts";
import { checks } from "../../checks/table.ts";
import type { FailedChecks } from "../../plan/interview.ts";
import { modelsPlace } from "../models-place.ts";
import { recallAnswers } from "../remembered-answers.ts";
import { findProjectFolder } from "../../deploy/compose/compose-files.ts";
import { tryHubOf } from "../open-hub.ts";
import type { SetupRequest, Work } from "../request.ts";

/** What a person can put right while heros waits. */
const fixable = new Set<string>(checks.flatMap(({ id, fixable: can }) => (can ? [id] : [])));

/**
 * Looks at the machine, again and again where somebody mends it meanwhile.
 * @returns null where the person stops although nothing is in the way
 * @throws Failure of exit status 4 for what keeps Annie from running; AbortError
 */
export async function lookAtMachine(
  { host, emit, signal }: Work,
  request: SetupRequest,
): Promise<Detection | null> {
  const { stackDir, stateDir, port, endpoint, mirrors, dryRun, person } = request;
  const { remedy } = person;
  const modelsPath = modelsPlace(host, request, await recallAnswers(host, stateDir));
  const tryHub = tryHubOf({ host }, request, { tokenIsAsked: person.ask !== undefined });
  for (;;) {
    emit({ type: "stage.started", stage: "machine" });
    const detection = await detectMachine({
      host,
      emit,
      signal,
      modelsPath,
      stackDir,
      projectDir: await findProjectFolder(host, stackDir),
      port,
      endpoint,
      mirrors,
      tryHub,
    });
    const trouble = failedChecksOf(detection);
    const [problem] = detection.problems;
    if (dryRun || remedy === undefined || trouble === null) {
      if (problem !== undefined && !dryRun) throw problem;
      return detection;
    }
    const wish = await remedy(trouble, signal);
    if (wish === "again") continue;
    if (problem !== undefined) throw problem;
    return wish === "onward" ? detection : null;
  }
}

/** What is worth stopping for: what failed, and warnings that a command mends. */
export function failedChecksOf({ checks: finished, problems }: Detection): FailedChecks | null {
  const bad = finished.filter(
    ({ id, status, remedy }) =>
      status === "failed" || (status === "warning" && remedy !== undefined && fixable.has(id)),
  );
  if (bad.length === 0 && problems.length === 0) return null;
  const codes = problems.map(({ code }) => code);
  const rank = ({ code, status }: (typeof bad)[number]) => {
    const place = code === undefined ? -1 : codes.indexOf(code);
    return place >= 0 ? place : status === "failed" ? codes.length : codes.length + 1;
  };
  return { checks: bad.toSorted((a, b) => rank(a) - rank(b)), blocking: problems.length > 0 };
}
