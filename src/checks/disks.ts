import type { Place } from "../host/places.ts";
import { type FilePlace, fileFailure } from "../run/file-failure.ts";
import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import type { FileSystem } from "../host/host.ts";
import type { Spot } from "../machine/disks.ts";
import { type Probe, lateText } from "../host/time-limit.ts";
import { failedBy, type Finding, lateFinding } from "./finding.ts";
import { formatBytes } from "../run/units.ts";
import type { DiskSpace } from "../run/events/machine.ts";

/** All models of the catalog (20.6 GB), and some air. */
const spaceForModelsBytes = 25e9;
/** The images of the stack, unpacked. */
const spaceForImagesBytes = 30e9;

/** Why models, or the stack's files, can't be kept at a place; null where they can, as far as it shows without writing there. */
export function placeFailure(
  place: Place,
  { area, home }: { readonly area: FilePlace["area"]; readonly home: string },
): Failure | null {
  const { path: folder, existing, dangling, isFolder, refusal, fileSystem, owner } = place;
  if (dangling !== null) return failure(`${area}.broken_link`, dangling);
  if (place.unmounted !== null) return failure("disk.not_mounted", { folder, ...place.unmounted });
  const type = fileSystem?.type ?? "";
  if (ofKernel.has(type)) return fileFailure(errorAt("ENOTSUP", existing), { folder, area });
  if (!isFolder) return fileFailure(errorAt("ENOTDIR", existing), { folder, area });
  if (refusal !== null) {
    const refused = fileFailure(refusal, { folder, area });
    const closed = refused === null || refused.code.endsWith(".not_writable");
    const data = { why: "closed", folder, existing, home, owner } as const;
    return closed ? failure(`${area}.not_writable`, data, refusal) : refused;
  }
  return area === "cache" && withoutSymlinks.has(type)
    ? failure("cache.no_symlinks", { folder, type })
    : null;
}

/** File systems that never have symbolic links. Of SMB it depends on the server: there one is tried before the first byte. */
const withoutSymlinks = new Set(["exfat", "vfat", "msdos"]);

/** They look like folders, and hold no files of anybody. */
const ofKernel = new Set(["proc", "sysfs", "devpts", "cgroup", "cgroup2", "debugfs", "securityfs"]);

function errorAt(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, path });
}

/** Why a network share is no place that a person should choose; one that was chosen already is tried instead. */
export function shareFailure({ path: folder, fileSystem }: Place): Failure | null {
  if (fileSystem === null || !maybeWithoutSymlinks(fileSystem)) return null;
  return failure("cache.no_symlinks", { folder, type: fileSystem.type });
}

function maybeWithoutSymlinks({ type, options = [] }: FileSystem): boolean {
  return (
    /^(?:cifs|smb3)$/.test(type) &&
    !options.some((each) => /^(?:mfsymlinks|unix|posix)$/.test(each))
  );
}

export function assessModelsDisk(
  { place, space, rotational, silent }: Spot,
  {
    path,
    home,
    limitMs,
  }: { readonly path: string; readonly home: string } & Pick<Probe, "limitMs">,
): Finding {
  if (place === null) return lateFinding({ limitMs }, path);
  const unusable = placeFailure(place, { area: "cache", home });
  if (unusable !== null) return failedBy(unusable);
  if (space === null) return { status: "warning", found: `${path}: free space unknown` };
  const found = describe(space);
  if (place.fileSystem !== null && maybeWithoutSymlinks(place.fileSystem)) {
    return {
      status: "warning",
      found: `${found}, a network share`,
      remedy:
        "Models need symbolic links: mount this share with the option mfsymlinks, or choose a folder on a local disk with --cache-dir.",
    };
  }
  if (space.freeBytes < spaceForModelsBytes) {
    return {
      status: "warning",
      found,
      remedy: `All models together need about ${formatBytes(spaceForModelsBytes)}: free some space, choose fewer models (--tiers 1), or choose another folder with --cache-dir.`,
    };
  }
  if (rotational) {
    return {
      status: "warning",
      found: `${found}, a spinning disk`,
      remedy: "Models load slowly from it: choose a folder on an SSD with --cache-dir.",
    };
  }
  return orSilence({ status: "ok", found }, silent, limitMs);
}

/** @param spots one for each place that Docker keeps images in; the tightest counts */
export function assessImagesDisk(
  spots: readonly Spot[],
  { limitMs }: Pick<Probe, "limitMs">,
): Finding {
  const spaces = spots.flatMap(({ space }) => space ?? []);
  const [tightest] = spaces.toSorted((one, other) => one.freeBytes - other.freeBytes);
  if (tightest === undefined) return lateFinding({ limitMs });
  const found = spaces.map(describe).join("; ");
  if (tightest.freeBytes >= spaceForImagesBytes) {
    const silent = spots.some((spot) => spot.silent || spot.place === null);
    return orSilence({ status: "ok", found }, silent, limitMs);
  }
  return {
    status: "warning",
    found,
    remedy: `The containers need about ${formatBytes(spaceForImagesBytes)}: remove unused images with docker image prune, or free space in another way.`,
  };
}

/** Says that something gave no answer, although the rest is in order. */
function orSilence(finding: Finding, silent: boolean, limitMs: number): Finding {
  if (!silent) return finding;
  return { status: "warning", found: `${finding.found}; lsblk: ${lateText({ limitMs })}` };
}

/** "3.4 TB free of 4.03 TB on nvme0n1p2 (SAMSUNG MZALC4T0HBL1-00B07), at /var/lib/docker". */
function describe({ freeBytes, totalBytes, device, deviceModel, path }: DiskSpace): string {
  const model = deviceModel === null ? "" : ` (${deviceModel})`;
  const on = device === null ? "" : ` on ${device}${model}`;
  return `${formatBytes(freeBytes)} free of ${formatBytes(totalBytes)}${on}, at ${path}`;
}
