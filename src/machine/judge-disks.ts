import type { DiskSpace } from "../progress/events/machine.ts";
import { closedFolder } from "../progress/closed-folder.ts";
import { formatBytes } from "../progress/units.ts";
import type { Finding } from "./finding.ts";
import type { Spot } from "./disks.ts";
import { thresholds } from "./thresholds.ts";
import { lateText, type Probe } from "./time-limit.ts";

export function judgeModelsDisk(
  { space, unwritable, rotational, silent }: Spot,
  {
    path,
    home,
    limitMs,
  }: { readonly path: string; readonly home: string } & Pick<Probe, "limitMs">,
): Finding {
  if (space === null) return { status: "warning", found: `${path}: ${lateText({ limitMs })}` };
  const found = describe(space);
  if (unwritable !== null) {
    const failure = closedFolder({ folder: path, area: "cache", existing: unwritable, home });
    return { status: "failed", found: failure.message, remedy: failure.hint, failure };
  }
  if (space.freeBytes < thresholds.modelsFreeBytes) {
    return {
      status: "warning",
      found,
      remedy: `All models want about ${formatBytes(thresholds.modelsFreeBytes)}: free some space, choose fewer models (--tiers 1), or name another folder with --cache-dir.`,
    };
  }
  if (rotational) {
    return {
      status: "warning",
      found: `${found}, a spinning disk`,
      remedy: "Models load slowly from it: name a folder on an SSD with --cache-dir.",
    };
  }
  return orSilence({ status: "ok", found }, silent, limitMs);
}

/** @param spots one for each place that Docker keeps images in; the tightest counts */
export function judgeImagesDisk(
  spots: readonly Spot[],
  { limitMs }: Pick<Probe, "limitMs">,
): Finding {
  const spaces = spots.flatMap(({ space }) => space ?? []);
  const [tightest] = spaces.toSorted((one, other) => one.freeBytes - other.freeBytes);
  if (tightest === undefined) return { status: "warning", found: lateText({ limitMs }) };
  const found = spaces.map(describe).join("; ");
  if (tightest.freeBytes >= thresholds.imagesFreeBytes) {
    const silent = new Set(spots.flatMap((spot) => spot.silent));
    return orSilence({ status: "ok", found }, [...silent], limitMs);
  }
  return {
    status: "warning",
    found,
    remedy: `The containers want about ${formatBytes(thresholds.imagesFreeBytes)}: docker system prune frees what no container uses.`,
  };
}

/** Says what gave no answer, although the rest is in order. */
function orSilence(finding: Finding, silent: readonly string[], limitMs: number): Finding {
  if (silent.length === 0) return finding;
  const found = `${finding.found}; ${silent.join(", ")}: ${lateText({ limitMs })}`;
  return { status: "warning", found };
}

/** "3.4 TB free of 4.03 TB on nvme0n1p2 (SAMSUNG MZALC4T0HBL1-00B07), at /var/lib/docker". */
function describe({ freeBytes, totalBytes, device, deviceModel, path }: DiskSpace): string {
  const model = deviceModel === null ? "" : ` (${deviceModel})`;
  const on = device === null ? "" : ` on ${device}${model}`;
  return `${formatBytes(freeBytes)} free of ${formatBytes(totalBytes)}${on}, at ${path}`;
}
