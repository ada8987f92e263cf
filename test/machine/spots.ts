import type { FileSystem } from "../../src/host/host.ts";
import type { Place } from "../../src/host/places.ts";
import type { Spot } from "../../src/machine/disks.ts";

export const gb = 1000 ** 3;

export function mounted(mount: string, type: string, options: readonly string[] = []): FileSystem {
  return { device: "/dev/sda1", type, mount, options };
}

export function spotWith(freeBytes: number, change: Partial<Spot> = {}): Spot {
  return {
    space: {
      purpose: "models",
      path: "/m",
      device: "nvme0n1p2",
      deviceModel: null,
      nvme: true,
      freeBytes,
      totalBytes: 4000 * gb,
    },
    place: placeAt("/"),
    rotational: false,
    silent: false,
    ...change,
  };
}

export function placeAt(mount: string, change: Partial<Place> = {}): Place {
  return {
    path: "/m",
    existing: "/m",
    isThere: true,
    isFolder: true,
    dangling: null,
    owner: null,
    unmounted: null,
    refusal: null,
    freeBytes: 900 * gb,
    totalBytes: 4000 * gb,
    fileSystem: mounted(mount, "ext4"),
    ...change,
  };
}
