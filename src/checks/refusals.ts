import { isIncomplete, type Survey } from "../store/store.ts";
import { diskSpaceFailure } from "../store/disk-space.ts";
import type { Failure } from "../run/failure.ts";
import type { CheckFinished, Machine } from "../run/events/machine.ts";
import { failure } from "../run/failures/table.ts";
import { describeGpu } from "../machine/gpu.ts";
import type { Detection } from "./detect.ts";
import { checks } from "./table.ts";

/**
 * All that stops a setup without questions, what is to be fixed first in front: what the machine lacks, consent
 * where it is no Spark, and a place, a disk or a Hub that is of no use for the models that are still to be fetched.
 */
export function setupRefusals(
  detection: Detection,
  { consent, survey }: { readonly consent: boolean; readonly survey: Survey | null },
): readonly Failure[] {
  const { machine, problems, placeFailure: place, hubFailure: hub } = detection;
  const unsupported = consentFailure(machine, consent);
  return [
    ...problems,
    ...(unsupported === null ? [] : [unsupported]),
    ...downloadRefusals({ survey, place, hub }),
  ];
}

/** Why her-os is not set up on this machine without consent, with what was found; null on a DGX Spark of any maker. */
export function consentFailure(
  { spark, product, arch, gpu }: Machine,
  consent: boolean,
): Failure | null {
  if (spark || consent) return null;
  const found = [
    ...(product === null ? [] : [product]),
    arch,
    gpu === null ? "no NVIDIA GPU" : describeGpu(gpu),
  ];
  return failure("machine.unsupported", { found });
}

/** What is known of a download before it begins. */
export interface DownloadConditions {
  /** Null where it is not known which files the models have. */
  readonly survey: Survey | null;
  /** Why the models can't be kept where they are to be. */
  readonly place: Failure | null;
  /** Why they can't be had. */
  readonly hub: Failure | null;
}

/** Why these models can't be fetched. Where all of them are there, the cache may be read-only and the Hub away. */
export function downloadRefusals({ survey, place, hub }: DownloadConditions): readonly Failure[] {
  if (survey !== null && !isIncomplete(survey)) return [];
  const space = survey === null ? null : diskSpaceFailure(survey);
  return [place, space, hub].filter((each) => each !== null);
}

/** What a person can fix while heros waits. */
const fixable = new Set<string>(checks.flatMap(({ id, fixable: can }) => (can ? [id] : [])));

/** What is worth stopping for: what failed, and warnings that a command fixes. The worst first; null where there is nothing. */
export function failedChecks({ checks: finished, problems }: Detection): {
  readonly checks: readonly CheckFinished[];
  /** Annie can't run until they are fixed. */
  readonly blocking: boolean;
} | null {
  const failed = finished.filter(
    ({ id, status, remedy }) =>
      status === "failed" || (status === "warning" && remedy !== undefined && fixable.has(id)),
  );
  if (failed.length === 0 && problems.length === 0) return null;
  const codes = problems.map(({ code }) => code);
  const rank = ({ code, status }: CheckFinished) => {
    const place = code === undefined ? -1 : codes.indexOf(code);
    return place >= 0 ? place : status === "failed" ? codes.length : codes.length + 1;
  };
  return { checks: failed.toSorted((a, b) => rank(a) - rank(b)), blocking: problems.length > 0 };
}
