import { unsupportedFailure } from "../../machine/detect.ts";
import type { Answers } from "../../plan/answers.ts";
import { rememberable, type AnswerValues } from "../../plan/resolve.ts";
import type { Notice } from "../../run/events/run.ts";
import { writeStack } from "../../deploy/compose/write.ts";
import { bringOnline } from "./bring-online.ts";
import { closingSummary, dryRunSummary } from "./bring-online.ts";
import { lookAtMachine } from "./look-at-machine.ts";
import { prepareInterview } from "./prepare.ts";
import { rememberAnswers } from "./remembered-answers.ts";
import type { SetupRequest, Work } from "../request.ts";

/**
 * The whole journey: machine, plan, stack, download, annie.
 * Nothing is written before the plan is agreed, and nothing is fetched before the disk is known to hold it.
 * @returns the sentences of the closing page; null where the person stopped before anything was changed
 * @throws Failure of any stage; AbortError
 */
export async function setup(work: Work, request: SetupRequest): Promise<readonly string[] | null> {
  const { host, emit, signal } = work;
  const { stateDir, dryRun, ask } = request;

  const detection = await lookAtMachine(work, request);
  if (detection === null) return null;
  for (const { code, message, hint } of detection.problems) {
    emit({ type: "notice", level: "warning", code, message, hint });
  }
  emit({ type: "stage.finished", stage: "machine", outcome: "done" });

  emit({ type: "stage.started", stage: "plan" });
  for (const notice of portNotices(request)) emit(notice);
  const { planning, workOut } = await prepareInterview(work, request, detection);
  const answers = ask === null ? planning.answers : await ask(planning, signal);
  // What a person takes to read and to choose is no part of how long Annie takes.
  const agreedAtMs = work.elapsedMs();
  const startedAtMs = host.clock.monotonicMs() - (ask === null ? agreedAtMs : 0);
  if (answers === null) return null;
  const unsupported = answers.unsupported ? null : unsupportedFailure(detection.machine);
  if (unsupported !== null) throw unsupported;
  const { plan, survey, changes, notices } = await workOut(answers, signal);
  for (const notice of notices) emit(notice);
  emit(ask === null ? plan : { ...plan, agreedAtMs });
  emit({ type: "stage.finished", stage: "plan", outcome: "done" });
  if (dryRun) return dryRunSummary(plan);

  request.onSettled?.(answers, ask === null ? 0 : agreedAtMs);
  const { cacheDir } = survey;
  const kept = { stateDir, cacheDir, answers: settledAnswers(answers, request) };
  await rememberAnswers(host, { ...kept, finished: false });
  emit({ type: "stage.started", stage: "stack" });
  await writeStack({ host, changes, emit });
  emit({ type: "stage.finished", stage: "stack", outcome: "done" });

  const online = await bringOnline(work, { request, answers, survey, startedAtMs });
  await rememberAnswers(host, { ...kept, finished: true });
  return closingSummary({ ...online, plan });
}

/** A cache that was given by its path is the answer to where models are kept, for the next setup too. */
function settledAnswers(answers: Answers, { cacheDir }: SetupRequest): AnswerValues {
  const kept = rememberable(answers);
  return cacheDir === null ? kept : { ...kept, storage: [cacheDir] };
}

/** A port that stands in the user's file as a number does not follow `--port`. */
function portNotices({ ignoredPort, port }: SetupRequest): Notice[] {
  if (ignoredPort === undefined) return [];
  return [
    {
      type: "notice",
      level: "warning",
      code: "stack.port_fixed",
      message: `--port ${ignoredPort} has no effect: your compose file publishes Annie's port itself${ignoredPort === port ? "" : `, as ${port}`}.`,
      hint: 'To choose it with --port, publish "127.0.0.1:${HER_OS_PORT:-8000}:8000" there.',
    },
  ];
}
