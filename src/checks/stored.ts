import type { DockerAnswer } from "../docker/engine.ts";
import { late, type Late, type Probe } from "../host/time-limit.ts";
import { tightBytes } from "../run/disk-space.ts";
import { formatBytes } from "../run/units.ts";
import {
  isWhole,
  needsByDisk,
  type NeededSpace,
  spaceFailure,
  type Survey,
} from "../store/store.ts";
import {
  failedBy,
  type Finding,
  lacksDocker,
  lateFinding,
  warnedBy,
  withoutDocker,
} from "./finding.ts";
import type { ImagesFound, Obstacle } from "./installation.ts";

type Limit = Pick<Probe, "limitMs">;

/** Where the models are can't be looked at; why, the check of their disk says. */
export const outOfReach = { status: "skipped", found: "their folder can't be reached" } as const;

/** `isSetUp`: the stack was set up here, so that its models should be there. `isRunning`: a run downloads them. */
export function assessModels(
  survey: Survey | null | Late,
  {
    isSetUp,
    isRunning,
    limitMs,
  }: { readonly isSetUp: boolean; readonly isRunning: boolean } & Limit,
): Finding {
  if (survey === late) return lateFinding({ limitMs });
  if (survey === null) return outOfReach;
  const { models, totalBytes, cachedBytes, resumedBytes } = survey;
  const ready = models.filter(isWhole);
  if (ready.length === models.length) {
    const all = models.length === 1 ? "" : `all ${models.length} `;
    return { status: "ok", found: `${all}downloaded, ${formatBytes(totalBytes)}` };
  }
  const isKnown = models.every(({ problem }) => problem === null);
  const received = cachedBytes + resumedBytes;
  const bytes = isKnown ? `, ${formatBytes(received)} of ${formatBytes(totalBytes)}` : "";
  const found =
    received === 0 && ready.length === 0
      ? "not downloaded yet"
      : `${ready.length} of ${models.length} downloaded${bytes}`;
  if (isRunning) {
    return { status: "warning", found, remedy: "heros status --watch shows the download" };
  }
  return isSetUp
    ? { status: "warning", found, remedy: "heros pull" }
    : { status: "skipped", found };
}

/** @param docker its images can't be asked for where it does not run */
export function assessImages(
  images: ImagesFound | null | Late,
  { docker, limitMs }: { readonly docker: DockerAnswer["state"] } & Limit,
): Finding {
  if (lacksDocker(docker)) return withoutDocker;
  if (images === late) return lateFinding({ limitMs });
  if (images === null) return { status: "skipped", found: "Docker pulls them itself" };
  const { count, lacking, bytes, atLeast, problems } = images;
  const [problem] = problems;
  if (lacking.length === 0) {
    return { status: "ok", found: count === 1 ? "Docker has it" : `Docker has all ${count}` };
  }
  const size = `${atLeast ? "at least " : ""}${formatBytes(bytes)}`;
  const found = `Docker has ${count - lacking.length} of ${count}; ${size} to download for ${lacking.join(", ")}`;
  if (problem === undefined) return { status: "ok", found };
  return { status: "warning", found: `${found}. ${problem} Docker tries it itself` };
}

export function assessLeftNames(
  names: readonly string[] | Late,
  { docker, limitMs }: { readonly docker: DockerAnswer["state"] } & Limit,
): Finding {
  if (lacksDocker(docker)) return withoutDocker;
  if (names === late) return lateFinding({ limitMs });
  if (names.length === 0) return { status: "ok", found: "none" };
  return {
    status: "warning",
    found: `${names.length} image ${names.length === 1 ? "name" : "names"} from interrupted runs`,
    remedy: "heros doctor leftovers --fix",
  };
}

export function assessNeededSpace(needs: readonly NeededSpace[] | null): Finding {
  if (needs === null) return { status: "skipped", found: "it is not known yet how much is needed" };
  const failure = spaceFailure(needs);
  if (failure !== null) return failedBy(failure);
  const disks = needsByDisk(needs).filter(({ neededBytes }) => neededBytes > 0);
  const told = disks.map(
    ({ neededBytes, freeBytes, folder }) =>
      `${formatBytes(neededBytes)} needed, ${formatBytes(freeBytes)} free, at ${folder}`,
  );
  const tight = disks.find((disk) => tightBytes(disk) !== null);
  if (tight === undefined) {
    return { status: "ok", found: told.length === 0 ? "nothing to download" : told.join("; ") };
  }
  const left = formatBytes(tight.freeBytes - tight.neededBytes);
  return {
    status: "warning",
    found: told.join("; "),
    remedy: `Only ${left} stays free at ${tight.folder} after the download, and a full disk stops Docker and {assistant}'s databases: free some space, or choose another disk with --storage.`,
  };
}

export function assessObstacle(obstacle: Obstacle | null | Late, { limitMs }: Limit): Finding {
  if (obstacle === late) return lateFinding({ limitMs });
  if (obstacle === null) return { status: "ok", found: "can be written to" };
  return obstacle.required ? failedBy(obstacle.failure) : warnedBy(obstacle.failure);
}
