import { isIncomplete, type Survey } from "../store/store.ts";
import { diskSpaceFailure } from "../store/disk-space.ts";
import { type Failure, retold } from "../run/failure.ts";
import type { CheckFinished, Machine } from "../run/events/machine.ts";
import { unsupportedFailure } from "./hardware.ts";
import type { Detection } from "./detect.ts";
import { checks } from "./table.ts";

/**
 * All that stops a setup without questions, what is to be fixed first in front: what the machine lacks, consent
 * where it is no Spark, and a place, a disk or a Hub that is of no use for the models that are still to be fetched.
 */
export function setupRefusals(
  { problems, placeFailure: place, hubFailure: hub }: Detection,
  survey: Survey | null,
): readonly Failure[] {
  return [...problems, ...downloadRefusals({ survey, place, hub })];
}

/** The first of them, which also names the others. */
export function refusalOf(first: Failure, others: readonly Failure[]): Failure {
  if (others.length === 0) return first;
  const also = others.map(({ message, hint }) => `Also: ${message} ${hint}`);
  return retold(first, { hint: [first.hint, ...also].join("\n") });
}

/** Why her-os is not set up on this machine once consent was asked for; null on a DGX Spark of any maker. */
export function consentFailure(machine: Machine, consent: boolean): Failure | null {
  return machine.spark || consent ? null : unsupportedFailure(machine);
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

/**
 * What is worth stopping for: what failed, and warnings that a command fixes. Consent is asked later, and is named only
 * beside what stops Annie. The worst first; null where there is nothing.
 */
export function failedChecks({ checks: finished, problems }: Detection): {
  readonly checks: readonly CheckFinished[];
  /** Annie can't run until they are fixed. */
  readonly blocking: boolean;
} | null {
  const isBeside = (id: string) => id === "product" && problems.length > 0;
  const failed = finished.filter(
    ({ id, status, remedy }) =>
      status === "failed" ||
      (status === "warning" && remedy !== undefined && (fixable.has(id) || isBeside(id))),
  );
  if (failed.length === 0 && problems.length === 0) return null;
  const codes = problems.map(({ code }) => code);
  const rank = ({ code, status }: CheckFinished) => {
    const place = code === undefined ? -1 : codes.indexOf(code);
    return place >= 0 ? place : status === "failed" ? codes.length : codes.length + 1;
  };
  return { checks: failed.toSorted((a, b) => rank(a) - rank(b)), blocking: problems.length > 0 };
}
